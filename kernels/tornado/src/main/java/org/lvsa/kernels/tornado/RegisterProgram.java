// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.kernels.Precision;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * {@link RegisterKernels} with its buffers, for layouts whose runs of keys are whole tiles: layouts
 * of frames, and of token blocks of a multiple of 32 tokens. Queries that the kernel flags are
 * computed again in the same graph; inputs that fp16 cannot hold take another kernel, see {@link
 * RegisterInputs}.
 */
final class RegisterProgram implements DeviceProgram {
  /**
   * What fits into the buffers.
   *
   * @param columns where tokens stand in the blocks
   * @param register room for the kernel's own tiles
   * @param tiles room for those of the other kernel
   */
  record Room(Columns columns, RegisterTiles.Room register, TileRoom tiles) {
    /** Room for any layout of frames. */
    static Room forFrames(AttentionShape shape, DType dtype) {
      return new Room(
          Columns.ofFrames(shape),
          RegisterTiles.Room.forFrames(shape),
          TileRoom.forFrames(shape, RegisterInputs.otherQueries(dtype)));
    }

    /** Whether it is for blocks that have few keys in common, so that few warps share a tile. */
    boolean ofOwnKeys() {
      return register.warps() < RegisterPlan.MOST_WARPS;
    }

    /** Whether one program can hold what fits here and what fits there. */
    boolean isLike(Room other) {
      return columns.equals(other.columns) && register.warps() == other.register.warps();
    }

    /** Room for what fits here and, where columns are the same, for what fits there. */
    Room with(Room other) {
      return isLike(other)
          ? new Room(columns, register.with(other.register), tiles.with(other.tiles))
          : this;
    }
  }

  /**
   * What the buffers and the code are for.
   *
   * @param precision of the scores; one that is not full is of inputs of 16 bits
   */
  record Problem(AttentionShape shape, DType dtype, Precision precision) {
    /** Number of bytes that the buffers take. */
    long bytes(Room room) {
      return RegisterProgram.bytes(shape, dtype, room)
          + (precision == Precision.INT8 ? Int8Inputs.bytes(shape, room.columns()) : 0);
    }

    /** Whether this program takes the problem; another one takes the others. */
    boolean fits(TornadoTarget device, Room room) {
      return takes(shape, dtype, device, room) && bytes(room) <= device.memory();
    }
  }

  private final AttentionShape shape;
  private final DType dtype;
  private final Room room;
  private final RegisterInputs inputs;
  private final RegisterTasks.Results results;
  private final Passage passage;

  private final RegisterTiles registerTiles;
  private final QueryTiles tiles;
  private final DevicePlan plan;
  private final long bytes;
  private boolean fp16Holds;

  /** The plans of the layout that was last asked about. */
  private record Planned(List<List<KeyRanges>> groups, List<RegisterPlan> plans) {}

  private Optional<Planned> planned = Optional.empty();

  RegisterProgram(
      Problem problem, TornadoTarget device, Room room, Optional<Passage.Orders> orders) {
    shape = problem.shape();
    dtype = problem.dtype();
    this.room = room;
    bytes = problem.bytes(room) + Passage.bytes(shape, dtype, orders);
    inputs = RegisterInputs.of(shape, dtype, problem.precision(), room);
    results = RegisterTasks.Results.allocate(shape);
    registerTiles = RegisterTiles.allocate(shape, room.register());
    tiles = QueryTiles.allocate(shape, RegisterInputs.otherQueries(dtype), room.tiles());
    List<TornadoNativeArray> given = inputs.given();
    passage =
        new Passage(
            shape,
            dtype,
            orders,
            new Passage.Arrays(
                given.get(0), given.get(1), given.get(2), results.out(), results.logSumExp()));
    GridScheduler grids = new GridScheduler();
    GraphTasks first = GraphTasks.of("inputs", device, grids);
    passage.in(first);
    inputs.prepare(first);
    Object[] fastReads = inputs.prepared().toArray();
    Object[] otherReads = given.toArray();
    first.graph().persistOnDevice(all(fastReads, otherReads));
    GraphTasks fast = passage.attention("registers", first, fastReads);
    addRegisters(fast);
    passage.out(fast, fastReads);
    GraphTasks other = passage.attention("other", first, otherReads);
    other.graph().transferToDevice(DataTransferMode.EVERY_EXECUTION, tiles.tiles(), tiles.runs());
    inputs.addOther(other, tiles, results);
    passage.out(other, otherReads);
    plan = new DevicePlan(grids, bytes, passage.graphs(first, fast, other));
  }

  private static Object[] all(Object[] one, Object[] other) {
    return Stream.concat(Arrays.stream(one), Arrays.stream(other)).distinct().toArray();
  }

  private void addRegisters(GraphTasks tasks) {
    tasks
        .graph()
        .transferToDevice(
            DataTransferMode.EVERY_EXECUTION,
            registerTiles.tiles(),
            registerTiles.runs(),
            results.again());
    inputs.attend(tasks, registerTiles, results);
    tasks.graph().transferToHost(DataTransferMode.EVERY_EXECUTION, results.again());
  }

  /**
   * Room for a layout; empty if its runs of keys are not whole tiles.
   *
   * @param tiles room for the layout in the other kernel's tiles
   */
  static Optional<Room> room(
      AttentionShape shape, DType dtype, List<List<KeyRanges>> groups, TileRoom tiles) {
    Room frames = Room.forFrames(shape, dtype);
    return Stream.of(frames.columns(), Columns.ofTokens(shape))
        .flatMap(
            columns ->
                plans(columns, groups, RegisterPlan.SIZES)
                    .map(plans -> new Room(columns, RegisterTiles.Room.forPlans(plans), tiles))
                    .map(room -> room.with(frames))
                    .stream())
        .findFirst();
  }

  /** Whether this program takes such problems; another one takes the others. */
  static boolean takes(AttentionShape shape, DType dtype, TornadoTarget device, Room room) {
    int parts = RegisterInputs.parts(dtype);
    return TensorCoreProgram.unsupported(shape, device).isEmpty()
        && parts * shape.queryElements() <= Integer.MAX_VALUE
        && RegisterTasks.Blocks.valueElements(shape, room.columns(), parts) <= Integer.MAX_VALUE
        && TensorCoreProgram.keyColumns(shape, room.tiles()) + TensorCoreKernels.KEYS
            <= Integer.MAX_VALUE
        && room.register().fitsArrays(shape)
        && bytes(shape, dtype, room) <= device.memory();
  }

  /**
   * The fastest plans of a layout, if the kernel takes it.
   *
   * @param sizes numbers of warps that may share a tile; whole frames get the first one
   */
  private static Optional<List<RegisterPlan>> plans(
      Columns columns, List<List<KeyRanges>> groups, List<Integer> sizes) {
    List<Integer> tried = isOfFrames(columns, groups) ? sizes.subList(0, 1) : sizes;
    return tried.stream()
        .flatMap(warps -> RegisterPlan.of(columns, groups, warps).stream())
        .min(Comparator.comparingDouble(RegisterPlan::cost));
  }

  private static boolean isOfFrames(Columns columns, List<List<KeyRanges>> groups) {
    return groups.stream().flatMap(List::stream).allMatch(columns::startsStretch);
  }

  /**
   * Whether another program would be so much faster that it is worth its compilation. Whole frames,
   * and all keys, are taken as they come: a model may need them for one layer of many.
   */
  private static boolean isMuchSlower(
      List<RegisterPlan> plans, Columns columns, List<List<KeyRanges>> groups) {
    return !isOfFrames(columns, groups)
        && plans(columns, groups, RegisterPlan.SIZES)
            .filter(best -> RegisterPlan.cost(plans) > 1.2 * RegisterPlan.cost(best))
            .isPresent();
  }

  /** Number of bytes that the buffers for a shape take. */
  static long bytes(AttentionShape shape, DType dtype, Room room) {
    long other =
        dtype == DType.F32
            ? PortableProgram.bytes(shape, dtype, room.tiles())
                + 2 * shape.queryElements() * Short.BYTES
            : TensorCoreProgram.bytes(shape, room.tiles());
    int parts = RegisterInputs.parts(dtype);
    return other
        + 2 * RegisterTasks.Blocks.valueElements(shape, room.columns(), parts) * Short.BYTES
        + shape.logSumExpElements() * Integer.BYTES
        + room.register().bytes(shape);
  }

  /** What fits. */
  Room room() {
    return room;
  }

  @Override
  public AttentionShape shape() {
    return shape;
  }

  @Override
  public DType dtype() {
    return dtype;
  }

  @Override
  public void inputsReady() {
    fp16Holds = inputs.fp16Holds();
  }

  /**
   * Holds layouts whose runs of keys are whole tiles, unless another size of tiles is far better.
   */
  @Override
  public boolean holds(List<List<KeyRanges>> groups) {
    planned = Optional.empty();
    Optional<List<RegisterPlan>> plans =
        plans(room.columns(), groups, List.of(room.register().warps()))
            .filter(some -> !isMuchSlower(some, room.columns(), groups))
            .filter(some -> room.register().holds(RegisterTiles.Room.forPlans(some)));
    if (plans.isEmpty() || !DeviceProgram.super.holds(groups)) {
      return false;
    }
    planned = plans.map(some -> new Planned(groups, some));
    return true;
  }

  @Override
  public void fill(List<List<KeyRanges>> groups) {
    List<RegisterPlan> plans =
        planned
            .filter(some -> some.groups() == groups)
            .map(Planned::plans)
            .or(() -> RegisterPlan.of(room.columns(), groups, room.register().warps()))
            .orElseThrow(() -> new IllegalArgumentException("the layout does not fit"));
    registerTiles.fill(shape, plans);
    tiles.fill(shape, groups);
    results.again().set(0, 0);
  }

  @Override
  public int attentionGraph() {
    return fp16Holds ? 1 : 2;
  }

  @Override
  public String rowName() {
    if (!fp16Holds) {
      return inputs.otherName();
    }
    String name = TornadoKernel.rowName("tensorcore", dtype) + inputs.suffix();
    return results.again().get(0) == 0 ? name : name + "-online";
  }

  @Override
  public QueryTiles tiles() {
    return tiles;
  }

  @Override
  public DevicePlan plan() {
    return plan;
  }

  @Override
  public Passage passage() {
    return passage;
  }

  @Override
  public long bytes() {
    return bytes;
  }
}
