// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Optional;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task13;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task14;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link TensorCoreKernels} with its buffers. The device transposes the keys. */
final class TensorCoreProgram implements DeviceProgram {
  private final HalfFloatArray query;
  private final HalfFloatArray key;
  private final HalfFloatArray value;
  private final FloatArray out;
  private final FloatArray logSumExp;
  private final Passage passage;
  private final QueryTiles tiles;
  private final DevicePlan plan;
  private final long bytes;

  /** Columns per head of the transposed keys, of both copies if there are two. */
  private final int paddedTokens;

  private final AttentionShape shape;
  private final DType dtype;
  private final FloatArray queryNorms;
  private final FloatArray keyNorms;
  private final FloatArray bounds;
  private boolean bounded;

  TensorCoreProgram(
      AttentionShape shape,
      DType dtype,
      TornadoTarget device,
      TileRoom room,
      Optional<Passage.Orders> orders) {
    this.shape = shape;
    this.dtype = dtype;
    bytes = bytes(shape, room) + Passage.bytes(shape, dtype, orders);
    paddedTokens = paddedTokens(shape, room);
    int stretches = ScoreBound.stretches(shape);
    queryNorms = new FloatArray(shape.batch() * shape.heads() * stretches);
    keyNorms = new FloatArray(shape.batch() * shape.kvHeads() * stretches);
    bounds = new FloatArray(shape.batch() * shape.heads());
    int bf16 = dtype == DType.BF16 ? 1 : 0;
    query = new HalfFloatArray(Math.toIntExact(shape.queryElements()));
    key = new HalfFloatArray(Math.toIntExact(shape.keyElements()));
    // The last tile of keys may read beyond the last token; the kernel clears those values.
    value = new HalfFloatArray(valueElements(shape));
    HalfFloatArray transposed = new HalfFloatArray(transposedElements(shape, paddedTokens));
    out = new FloatArray(Math.toIntExact(shape.queryElements()));
    logSumExp = new FloatArray(Math.toIntExact(shape.logSumExpElements()));
    tiles = QueryTiles.allocate(shape, TensorCoreKernels.QUERIES, room);
    passage =
        new Passage(shape, dtype, orders, new Passage.Arrays(query, key, value, out, logSumExp));
    GridScheduler grids = new GridScheduler();
    GraphTasks inputs = GraphTasks.of("inputs", device, grids);
    passage.in(inputs);
    addTransposition(inputs, "keys", shape, key, transposed, paddedTokens);
    inputs.groups("queryNorms", stretches, shape.batch() * shape.heads(), Layouts.THREADS);
    inputs.groups("keyNorms", stretches, shape.batch() * shape.kvHeads(), Layouts.THREADS);
    inputs
        .graph()
        .task(
            "queryNorms",
            Layouts::largestNorms,
            new KernelContext(),
            query,
            queryNorms,
            shape.tokens(),
            shape.heads(),
            shape.headDim(),
            bf16)
        .task(
            "keyNorms",
            Layouts::largestNorms,
            new KernelContext(),
            key,
            keyNorms,
            shape.tokens(),
            shape.kvHeads(),
            shape.headDim(),
            bf16)
        .transferToHost(DataTransferMode.EVERY_EXECUTION, queryNorms, keyNorms)
        .persistOnDevice(query, transposed, value);
    GraphTasks bounded = passage.attention("bounded", inputs, query, transposed, value);
    bounded
        .graph()
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, tiles.tiles(), tiles.runs(), bounds);
    addBounded(bounded.graph(), transposed);
    attentionGroups(bounded, "tensorcore", shape, room);
    passage.out(bounded, query, transposed, value);
    GraphTasks online = passage.attention("online", inputs, query, transposed, value);
    online.graph().transferToDevice(DataTransferMode.EVERY_EXECUTION, tiles.tiles(), tiles.runs());
    addOnline(
        online,
        shape,
        dtype,
        new Arrays(query, transposed, value, out, logSumExp, tiles, paddedTokens));
    passage.out(online, query, transposed, value);
    plan = new DevicePlan(grids, bytes, passage.graphs(inputs, bounded, online));
  }

  /**
   * Adds a task that transposes the keys.
   *
   * @param paddedTokens columns per head, of all copies
   */
  static void addTransposition(
      GraphTasks tasks,
      String name,
      AttentionShape shape,
      HalfFloatArray key,
      HalfFloatArray transposed,
      int paddedTokens) {
    tasks.groups(
        name,
        Math.ceilDiv(paddedTokens, Layouts.TILE),
        shape.batch() * shape.kvHeads() * shape.headDim() / Layouts.TILE,
        Layouts.THREADS);
    tasks
        .graph()
        .task(
            name,
            Layouts::transposeKeys,
            new KernelContext(),
            key,
            transposed,
            shape.tokens(),
            shape.kvHeads(),
            shape.headDim(),
            shape.patchesPerFrame(),
            QueryTiles.paddedPatches(shape),
            shape.videoTokens(),
            shape.latentFrames() * QueryTiles.paddedPatches(shape),
            QueryTiles.paddedTokens(shape),
            paddedTokens);
  }

  /** The threads of an attention kernel. */
  private static void attentionGroups(
      GraphTasks tasks, String name, AttentionShape shape, TileRoom room) {
    tasks.groups(
        name,
        Math.toIntExact(room.tiles()),
        Math.multiplyExact(shape.heads(), shape.batch()),
        TensorCoreKernels.THREADS);
  }

  private void addBounded(TaskGraph graph, HalfFloatArray transposed) {
    Task14<
            KernelContext,
            HalfFloatArray,
            HalfFloatArray,
            HalfFloatArray,
            FloatArray,
            FloatArray,
            IntArray,
            IntArray,
            FloatArray,
            Integer,
            Integer,
            Integer,
            Integer,
            Float>
        kernel;
    if (shape.headDim() == 128) {
      kernel =
          dtype == DType.BF16
              ? TensorCoreKernels::bf16x128bounded
              : TensorCoreKernels::fp16x128bounded;
    } else {
      kernel =
          dtype == DType.BF16
              ? TensorCoreKernels::bf16x64bounded
              : TensorCoreKernels::fp16x64bounded;
    }
    graph.task(
        "tensorcore",
        kernel,
        new KernelContext(),
        query,
        transposed,
        value,
        out,
        logSumExp,
        tiles.tiles(),
        tiles.runs(),
        bounds,
        shape.tokens(),
        paddedTokens,
        shape.heads(),
        shape.kvHeads(),
        (float) shape.scale());
  }

  /**
   * What the kernel for scores without a bound reads and writes.
   *
   * @param key as {@link #addTransposition} brings it
   * @param columns columns per head of the keys, of all copies
   */
  record Arrays(
      HalfFloatArray query,
      HalfFloatArray key,
      HalfFloatArray value,
      FloatArray out,
      FloatArray logSumExp,
      QueryTiles tiles,
      int columns) {}

  /** The kernel for scores without a bound. */
  private static Task13<
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
      online(AttentionShape shape, DType dtype) {
    if (shape.headDim() == 128) {
      return dtype == DType.BF16
          ? TensorCoreKernels::bf16x128online
          : TensorCoreKernels::fp16x128online;
    }
    return dtype == DType.BF16
        ? TensorCoreKernels::bf16x64online
        : TensorCoreKernels::fp16x64online;
  }

  /** Adds the kernel for scores without a bound to a graph. */
  static void addOnline(GraphTasks tasks, AttentionShape shape, DType dtype, Arrays arrays) {
    QueryTiles tiles = arrays.tiles();
    attentionGroups(tasks, "tensorcore", shape, tiles.room());
    tasks
        .graph()
        .task(
            "tensorcore",
            online(shape, dtype),
            new KernelContext(),
            arrays.query(),
            arrays.key(),
            arrays.value(),
            arrays.out(),
            arrays.logSumExp(),
            tiles.tiles(),
            tiles.runs(),
            shape.tokens(),
            arrays.columns(),
            shape.heads(),
            shape.kvHeads(),
            (float) shape.scale());
  }

  /** Why no tensor-core kernel runs such a problem on such a device; empty if one does. */
  static Optional<String> unsupported(AttentionShape shape, TornadoTarget device) {
    if (!device.tensorCores()) {
      return Optional.of(
          "needs TornadoVM's CUDA backend and compute capability 8.0, this is "
              + device.description());
    }
    if (shape.headDim() != 64 && shape.headDim() != 128) {
      return Optional.of("headDim must be 64 or 128, got " + shape.headDim());
    }
    return Optional.empty();
  }

  /** Room for any layout of frames. */
  static TileRoom room(AttentionShape shape) {
    return TileRoom.forFrames(shape, TensorCoreKernels.QUERIES);
  }

  /** Number of bytes that the buffers for a shape take. */
  static long bytes(AttentionShape shape, TileRoom room) {
    long halves = shape.queryElements() + 2 * shape.keyElements() + keyColumns(shape, room);
    return halves * Short.BYTES
        + (shape.queryElements() + shape.logSumExpElements()) * Float.BYTES
        + QueryTiles.bytes(shape, room)
        + (1 << 20);
  }

  /** Number of elements of the transposed keys. */
  static long keyColumns(AttentionShape shape, TileRoom room) {
    return (long) shape.batch()
        * shape.kvHeads()
        * shape.headDim()
        * QueryTiles.paddedTokens(shape)
        * (room.oddRuns() ? 2 : 1);
  }

  static int paddedTokens(AttentionShape shape, TileRoom room) {
    return Math.multiplyExact(QueryTiles.paddedTokens(shape), room.oddRuns() ? 2 : 1);
  }

  static int transposedElements(AttentionShape shape, int paddedTokens) {
    return Math.toIntExact(
        (long) shape.batch() * shape.kvHeads() * shape.headDim() * paddedTokens
            + TensorCoreKernels.KEYS);
  }

  static int valueElements(AttentionShape shape) {
    return Math.toIntExact(
        shape.keyElements() + (long) TensorCoreKernels.KEYS * shape.kvHeads() * shape.headDim());
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
    bounded = ScoreBound.fill(shape, dtype, queryNorms, keyNorms, bounds);
  }

  @Override
  public int attentionGraph() {
    return bounded ? 1 : 2;
  }

  @Override
  public String rowName() {
    return TornadoKernel.rowName("tensorcore", dtype) + (bounded ? "-bounded" : "-online");
  }

  @Override
  public DevicePlan plan() {
    return plan;
  }

  @Override
  public QueryTiles tiles() {
    return tiles;
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
