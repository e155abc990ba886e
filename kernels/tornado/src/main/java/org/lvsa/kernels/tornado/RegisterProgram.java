// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KeyRanges;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid2D;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task13;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task14;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task15;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link RegisterKernels} with its buffers, for layouts of frames. Queries that the kernel flags
 * are computed again in the same graph; values that fp16 cannot hold send all queries to that
 * second kernel. The device brings keys and values into blocks.
 */
final class RegisterProgram implements DeviceProgram {
  /** fp16 holds what is smaller than this, and twice it. */
  private static final float LARGEST_VALUE = 32768;

  /**
   * A head whose largest value is below this loses bits in fp16, which rounds to 2^-24 at best:
   * then more than 2^-14 of its largest value.
   */
  private static final float SMALLEST_LARGEST_VALUE = 0x1p-10f;

  private final AttentionShape shape;
  private final DType dtype;
  private final HalfFloatArray query;
  private final HalfFloatArray key;
  private final HalfFloatArray value;
  private final HalfFloatArray transposed;
  private final HalfFloatArray keyBlocks;
  private final HalfFloatArray valueBlocks;
  private final FloatArray largestValues;
  private final FloatArray out;
  private final FloatArray logSumExp;
  private final Passage passage;
  private final IntArray flags;
  private final IntArray again = new IntArray(1);
  private final RegisterTiles registerTiles;
  private final QueryTiles tiles;
  private final DevicePlan plan;
  private final long bytes;
  private boolean fp16Holds;

  RegisterProgram(
      AttentionShape shape, DType dtype, TornadoTarget device, Optional<Passage.Orders> orders) {
    this.shape = shape;
    this.dtype = dtype;
    bytes = bytes(shape) + Passage.bytes(shape, dtype, orders);
    int columns = RegisterTiles.paddedTokens(shape);
    int kvVectors = shape.batch() * shape.kvHeads();
    query = new HalfFloatArray(Math.toIntExact(shape.queryElements()));
    key = new HalfFloatArray(Math.toIntExact(shape.keyElements()));
    value = new HalfFloatArray(TensorCoreProgram.valueElements(shape));
    transposed =
        new HalfFloatArray(
            TensorCoreProgram.transposedElements(shape, QueryTiles.paddedTokens(shape)));
    keyBlocks = new HalfFloatArray(Math.toIntExact((long) kvVectors * columns * shape.headDim()));
    valueBlocks = new HalfFloatArray(Math.toIntExact(valueBlockElements(shape)));
    largestValues = new FloatArray(kvVectors * (columns / BlockedLayouts.TILE));
    out = new FloatArray(Math.toIntExact(shape.queryElements()));
    logSumExp = new FloatArray(Math.toIntExact(shape.logSumExpElements()));
    flags = new IntArray(Math.toIntExact(shape.logSumExpElements()));
    registerTiles = RegisterTiles.allocate(shape);
    tiles = QueryTiles.allocate(shape, TensorCoreKernels.QUERIES, TensorCoreProgram.room(shape));
    GridScheduler grids = new GridScheduler();
    grids.addWorkerGrid(
        "inputs.keys", TensorCoreProgram.transposeGrid(shape, QueryTiles.paddedTokens(shape)));
    WorkerGrid2D blocks =
        new WorkerGrid2D(columns / BlockedLayouts.TILE * BlockedLayouts.THREADS, kvVectors);
    blocks.setLocalWork(BlockedLayouts.THREADS, 1, 1);
    grids.addWorkerGrid("inputs.keyBlocks", blocks);
    grids.addWorkerGrid("inputs.valueBlocks", blocks);
    WorkerGrid2D registers =
        new WorkerGrid2D(
            Math.toIntExact(RegisterTiles.count(shape) * RegisterKernels.THREADS),
            Math.multiplyExact(shape.heads(), shape.batch()));
    registers.setLocalWork(RegisterKernels.THREADS, 1, 1);
    grids.addWorkerGrid("registers.registers", registers);
    WorkerGrid2D online = TensorCoreProgram.attentionGrid(shape, TensorCoreProgram.room(shape));
    grids.addWorkerGrid("registers.again", online);
    grids.addWorkerGrid("online.tensorcore", online);
    passage =
        new Passage(shape, dtype, orders, new Passage.Arrays(query, key, value, out, logSumExp));
    TaskGraph inputs = inputsGraph(device, grids);
    TaskGraph fast = registersGraph(device);
    fast.transferToHost(DataTransferMode.EVERY_EXECUTION, again);
    passage.out(fast, device, grids, query, transposed, value, keyBlocks, valueBlocks);
    TaskGraph slow = onlineGraph(device);
    passage.out(slow, device, grids, query, transposed, value);
    plan = new DevicePlan(device, grids, bytes, passage.graphs(inputs, fast, slow));
  }

  private TaskGraph inputsGraph(TornadoTarget device, GridScheduler grids) {
    int columns = RegisterTiles.paddedTokens(shape);
    int paddedPatches = RegisterTiles.paddedPatches(shape);
    int paddedVideo = RegisterTiles.paddedVideo(shape);
    TaskGraph graph = DevicePlan.graph("inputs", device);
    passage.in(graph, grids);
    TensorCoreProgram.addTransposition(
        graph, shape, key, transposed, QueryTiles.paddedTokens(shape));
    return graph
        .task(
            "keyBlocks",
            BlockedLayouts::keys,
            new KernelContext(),
            key,
            keyBlocks,
            shape.tokens(),
            shape.kvHeads(),
            shape.patchesPerFrame(),
            paddedPatches,
            shape.videoTokens(),
            paddedVideo,
            columns)
        .task(
            "valueBlocks",
            BlockedLayouts::values,
            new KernelContext(),
            value,
            valueBlocks,
            largestValues,
            shape.tokens(),
            shape.kvHeads(),
            shape.patchesPerFrame(),
            paddedPatches,
            shape.videoTokens(),
            paddedVideo,
            columns,
            dtype == DType.BF16 ? 1 : 0)
        .transferToHost(DataTransferMode.EVERY_EXECUTION, largestValues)
        .persistOnDevice(query, transposed, value, keyBlocks, valueBlocks);
  }

  private TaskGraph registersGraph(TornadoTarget device) {
    Task15<
            KernelContext,
            HalfFloatArray,
            HalfFloatArray,
            HalfFloatArray,
            FloatArray,
            FloatArray,
            IntArray,
            IntArray,
            IntArray,
            IntArray,
            Integer,
            Integer,
            Integer,
            Integer,
            Float>
        registers = dtype == DType.BF16 ? RegisterKernels::bf16 : RegisterKernels::fp16;
    Task14<
            KernelContext,
            HalfFloatArray,
            HalfFloatArray,
            HalfFloatArray,
            FloatArray,
            FloatArray,
            IntArray,
            IntArray,
            IntArray,
            Integer,
            Integer,
            Integer,
            Integer,
            Float>
        flagged =
            dtype == DType.BF16
                ? TensorCoreKernels::bf16x128flagged
                : TensorCoreKernels::fp16x128flagged;
    return passage
        .attention("registers", device, query, transposed, value, keyBlocks, valueBlocks)
        .transferToDevice(
            DataTransferMode.EVERY_EXECUTION,
            registerTiles.tiles(),
            registerTiles.runs(),
            tiles.tiles(),
            tiles.runs(),
            again)
        .task(
            "registers",
            registers,
            new KernelContext(),
            query,
            keyBlocks,
            valueBlocks,
            out,
            logSumExp,
            flags,
            again,
            registerTiles.tiles(),
            registerTiles.runs(),
            shape.tokens(),
            RegisterTiles.paddedTokens(shape),
            shape.heads(),
            shape.kvHeads(),
            (float) shape.scale())
        .task(
            "again",
            flagged,
            new KernelContext(),
            query,
            transposed,
            value,
            out,
            logSumExp,
            tiles.tiles(),
            tiles.runs(),
            flags,
            shape.tokens(),
            QueryTiles.paddedTokens(shape),
            shape.heads(),
            shape.kvHeads(),
            (float) shape.scale());
  }

  private TaskGraph onlineGraph(TornadoTarget device) {
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
        online =
            dtype == DType.BF16
                ? TensorCoreKernels::bf16x128online
                : TensorCoreKernels::fp16x128online;
    return passage
        .attention("online", device, query, transposed, value)
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, tiles.tiles(), tiles.runs())
        .task(
            "tensorcore",
            online,
            new KernelContext(),
            query,
            transposed,
            value,
            out,
            logSumExp,
            tiles.tiles(),
            tiles.runs(),
            shape.tokens(),
            QueryTiles.paddedTokens(shape),
            shape.heads(),
            shape.kvHeads(),
            (float) shape.scale());
  }

  /** Whether this program takes such problems; {@link TensorCoreProgram} takes the others. */
  static boolean takes(AttentionShape shape, DType dtype, TornadoTarget device) {
    return TensorCoreProgram.unsupported(shape, dtype, device).isEmpty()
        && shape.headDim() == 128
        && valueBlockElements(shape) <= Integer.MAX_VALUE
        && bytes(shape) <= device.memory();
  }

  private static long valueBlockElements(AttentionShape shape) {
    return (long) shape.batch()
        * shape.kvHeads()
        * RegisterTiles.paddedTokens(shape)
        * RegisterKernels.VALUE_ELEMENTS;
  }

  /** Number of bytes that the buffers for a shape take. */
  static long bytes(AttentionShape shape) {
    return TensorCoreProgram.bytes(shape, TensorCoreProgram.room(shape))
        + 2 * valueBlockElements(shape) * Short.BYTES
        + shape.logSumExpElements() * Integer.BYTES
        + RegisterTiles.bytes(shape);
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
    int stretches = RegisterTiles.paddedTokens(shape) / BlockedLayouts.TILE;
    for (int head = 0; head < shape.batch() * shape.kvHeads(); head++) {
      float largest = 0;
      for (int i = 0; i < stretches; i++) {
        largest = Math.max(largest, largestValues.get(head * stretches + i));
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

  /** Holds layouts whose runs of keys are whole frames; others need another program. */
  @Override
  public boolean holds(List<List<KeyRanges>> groups) {
    return groups.size() == 1
        && RegisterTiles.fits(shape, groups.getFirst())
        && DeviceProgram.super.holds(groups);
  }

  @Override
  public void fill(List<List<KeyRanges>> groups) {
    registerTiles.fill(shape, groups.getFirst());
    tiles.fill(shape, groups);
    again.set(0, 0);
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
    return name + (again.get(0) == 0 ? "-registers" : "-registers-online");
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
