// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KeyRanges;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task13;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link RegisterKernels} with its buffers, for layouts whose runs of keys are whole tiles: layouts
 * of frames, and of token blocks of a multiple of 32 tokens. Queries that the kernel flags are
 * computed again in the same graph; values that fp16 cannot hold send all queries to the online
 * kernel of {@link TensorCoreKernels}, behind a task that transposes the keys. The device brings
 * keys and values into blocks.
 */
final class RegisterProgram implements DeviceProgram {
  /** fp16 holds what is smaller than this, and twice it. */
  private static final float LARGEST_VALUE = 32768;

  /**
   * A head whose largest value is below this loses bits in fp16, which rounds to 2^-24 at best:
   * then more than 2^-14 of its largest value.
   */
  private static final float SMALLEST_LARGEST_VALUE = 0x1p-10f;

  /**
   * What fits into the buffers.
   *
   * @param columns where tokens stand in the blocks
   * @param register room for the kernel's own tiles
   * @param tiles room for those of the online kernel
   */
  record Room(Columns columns, RegisterTiles.Room register, TileRoom tiles) {
    /** Room for any layout of frames. */
    static Room forFrames(AttentionShape shape) {
      return new Room(
          Columns.ofFrames(shape),
          RegisterTiles.Room.forFrames(shape),
          TensorCoreProgram.room(shape));
    }

    /** Room for what fits here and, where columns are the same, for what fits there. */
    Room with(Room other) {
      return columns.equals(other.columns)
          ? new Room(columns, register.with(other.register), tiles.with(other.tiles))
          : this;
    }
  }

  private final AttentionShape shape;
  private final DType dtype;
  private final Room room;
  private final HalfFloatArray query;
  private final HalfFloatArray key;
  private final HalfFloatArray value;
  private final RegisterTasks.Blocks blocks;
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
      AttentionShape shape,
      DType dtype,
      TornadoTarget device,
      Room room,
      Optional<Passage.Orders> orders) {
    this.shape = shape;
    this.dtype = dtype;
    this.room = room;
    bytes = bytes(shape, room) + Passage.bytes(shape, dtype, orders);
    query = new HalfFloatArray(Math.toIntExact(shape.queryElements()));
    key = new HalfFloatArray(Math.toIntExact(shape.keyElements()));
    value = new HalfFloatArray(TensorCoreProgram.valueElements(shape));
    blocks = RegisterTasks.Blocks.allocate(shape, room.columns());
    results = RegisterTasks.Results.allocate(shape);
    registerTiles = RegisterTiles.allocate(shape, room.register());
    tiles = QueryTiles.allocate(shape, TensorCoreKernels.QUERIES, room.tiles());
    passage =
        new Passage(
            shape,
            dtype,
            orders,
            new Passage.Arrays(query, key, value, results.out(), results.logSumExp()));
    GridScheduler grids = new GridScheduler();
    GraphTasks inputs = GraphTasks.of("inputs", device, grids);
    passage.in(inputs);
    RegisterTasks.addBlocks(inputs, "blocks", key, value, dtype, blocks);
    inputs
        .graph()
        .transferToHost(DataTransferMode.EVERY_EXECUTION, blocks.largest())
        .persistOnDevice(query, key, value, blocks.keys(), blocks.values());
    GraphTasks fast = passage.attention("registers", inputs, query, blocks.keys(), blocks.values());
    addRegisters(fast);
    passage.out(fast, query, blocks.keys(), blocks.values());
    GraphTasks slow = passage.attention("online", inputs, query, key, value);
    addOnline(slow);
    passage.out(slow, query, key, value);
    plan = new DevicePlan(grids, bytes, passage.graphs(inputs, fast, slow));
  }

  private void addRegisters(GraphTasks tasks) {
    tasks
        .graph()
        .transferToDevice(
            DataTransferMode.EVERY_EXECUTION,
            registerTiles.tiles(),
            registerTiles.runs(),
            results.again());
    RegisterTasks.addAttention(
        tasks, "registers", shape, dtype, query, blocks, registerTiles, results);
    tasks.graph().transferToHost(DataTransferMode.EVERY_EXECUTION, results.again());
  }

  private void addOnline(GraphTasks tasks) {
    Task13<
            KernelContext,
            HalfFloatArray,
            HalfFloatArray,
            HalfFloatArray,
            FloatArray,
            FloatArray,
            IntArray,
            IntArray,
            Integer,
            Integer,
            Integer,
            Integer,
            Float>
        online = TensorCoreProgram.online(shape, dtype);
    int transposedColumns = TensorCoreProgram.paddedTokens(shape, room.tiles());
    HalfFloatArray transposed =
        new HalfFloatArray(TensorCoreProgram.transposedElements(shape, transposedColumns));
    TensorCoreProgram.addTransposition(tasks, "keys", shape, key, transposed, transposedColumns);
    TensorCoreProgram.attentionGroups(tasks, "tensorcore", shape, room.tiles());
    tasks
        .graph()
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, tiles.tiles(), tiles.runs())
        .task(
            "tensorcore",
            online,
            new KernelContext(),
            query,
            transposed,
            value,
            results.out(),
            results.logSumExp(),
            tiles.tiles(),
            tiles.runs(),
            shape.tokens(),
            transposedColumns,
            shape.heads(),
            shape.kvHeads(),
            (float) shape.scale());
  }

  /**
   * Room for a layout; empty if its runs of keys are not whole tiles, or if it is so irregular that
   * this kernel would be the slower one.
   *
   * @param tiles room for the layout in the other kernel's tiles
   */
  static Optional<Room> room(AttentionShape shape, List<List<KeyRanges>> groups, TileRoom tiles) {
    Room frames = Room.forFrames(shape);
    return Stream.of(frames.columns(), Columns.ofTokens(shape))
        .flatMap(
            columns ->
                plans(columns, groups)
                    .map(plans -> new Room(columns, RegisterTiles.Room.forPlans(plans), tiles))
                    .map(room -> room.with(frames))
                    .stream())
        .findFirst();
  }

  /** Whether this program takes such problems; {@link TensorCoreProgram} takes the others. */
  static boolean takes(AttentionShape shape, DType dtype, TornadoTarget device, Room room) {
    return TensorCoreProgram.unsupported(shape, dtype, device).isEmpty()
        && RegisterTasks.Blocks.valueElements(shape, room.columns()) <= Integer.MAX_VALUE
        && TensorCoreProgram.keyColumns(shape, room.tiles()) + TensorCoreKernels.KEYS
            <= Integer.MAX_VALUE
        && room.register().fitsArrays(shape)
        && bytes(shape, room) <= device.memory();
  }

  /**
   * The plans of a layout, if the kernel takes it: of whole frames any one, else those that pay.
   */
  private static Optional<List<RegisterPlan>> plans(Columns columns, List<List<KeyRanges>> groups) {
    boolean frames = groups.stream().flatMap(List::stream).allMatch(columns::startsStretch);
    return RegisterPlan.of(columns, groups)
        .filter(plans -> frames || RegisterPlan.pays(plans, groups));
  }

  /** Number of bytes that the buffers for a shape take. */
  static long bytes(AttentionShape shape, Room room) {
    return TensorCoreProgram.bytes(shape, room.tiles())
        + 2 * RegisterTasks.Blocks.valueElements(shape, room.columns()) * Short.BYTES
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
    fp16Holds = true;
    int stretches = room.columns().count() / BlockedLayouts.TILE;
    for (int head = 0; head < shape.batch() * shape.kvHeads(); head++) {
      float largest = 0;
      for (int i = 0; i < stretches; i++) {
        largest = Math.max(largest, blocks.largest().get(head * stretches + i));
      }
      fp16Holds &= fp16Holds(largest);
    }
  }

  /** Whether fp16 holds the values of a head, given the largest absolute value. */
  private boolean fp16Holds(float largest) {
    if (dtype == DType.F16) {
      return largest <= Float.MAX_VALUE;
    }
    return largest == 0 || largest <= LARGEST_VALUE && largest >= SMALLEST_LARGEST_VALUE;
  }

  /** Holds layouts whose runs of keys are whole tiles, and which it takes less time for. */
  @Override
  public boolean holds(List<List<KeyRanges>> groups) {
    planned = Optional.empty();
    Optional<List<RegisterPlan>> plans =
        plans(room.columns(), groups)
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
            .or(() -> RegisterPlan.of(room.columns(), groups))
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
    String name = TornadoKernel.rowName("tensorcore", dtype);
    if (!fp16Holds) {
      return name + "-online";
    }
    return name + (results.again().get(0) == 0 ? "-registers" : "-registers-online");
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
