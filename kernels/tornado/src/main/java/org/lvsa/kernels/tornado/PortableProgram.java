// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.WorkerGrid2D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** {@link PortableKernel} with its buffers. The device widens 16-bit inputs to float32. */
final class PortableProgram implements DeviceProgram {
  private final AttentionShape shape;
  private final DType dtype;
  private final TornadoNativeArray query;
  private final TornadoNativeArray key;
  private final TornadoNativeArray value;
  private final FloatArray out;
  private final FloatArray logSumExp;
  private final QueryTiles tiles;
  private final DevicePlan plan;
  private final long bytes;

  PortableProgram(AttentionShape shape, DType dtype, TornadoTarget device, TileRoom room) {
    this.shape = shape;
    this.dtype = dtype;
    bytes = bytes(shape, dtype, room);
    int queryElements = Math.toIntExact(shape.queryElements());
    int keyElements = Math.toIntExact(shape.keyElements());
    out = new FloatArray(queryElements);
    logSumExp = new FloatArray(Math.toIntExact(shape.logSumExpElements()));
    tiles = QueryTiles.allocate(shape, PortableKernel.QUERIES, room);
    TaskGraph inputs = DevicePlan.graph("inputs", device);
    GridScheduler grids = new GridScheduler();
    FloatArray wideQuery = new FloatArray(queryElements);
    FloatArray wideKey = new FloatArray(keyElements);
    FloatArray wideValue = new FloatArray(keyElements);
    if (dtype == DType.F32) {
      query = wideQuery;
      key = wideKey;
      value = wideValue;
      inputs
          .transferToDevice(DataTransferMode.EVERY_EXECUTION, query, key, value)
          .task(
              "keep",
              Layouts::keep,
              new KernelContext(),
              wideQuery,
              wideKey,
              wideValue,
              new FloatArray(1));
      grids.addWorkerGrid("inputs.keep", grid(1));
    } else {
      ShortArray narrowQuery = new ShortArray(queryElements);
      ShortArray narrowKey = new ShortArray(keyElements);
      ShortArray narrowValue = new ShortArray(keyElements);
      query = narrowQuery;
      key = narrowKey;
      value = narrowValue;
      FloatArray table = table(dtype);
      inputs
          .transferToDevice(DataTransferMode.FIRST_EXECUTION, table)
          .transferToDevice(DataTransferMode.EVERY_EXECUTION, query, key, value);
      widen(inputs, grids, "query", narrowQuery, table, wideQuery);
      widen(inputs, grids, "key", narrowKey, table, wideKey);
      widen(inputs, grids, "value", narrowValue, table, wideValue);
    }
    inputs.persistOnDevice(wideQuery, wideKey, wideValue);
    TaskGraph attention =
        DevicePlan.graph("attention", device)
            .consumeFromDevice("inputs", wideQuery, wideKey, wideValue)
            .transferToDevice(DataTransferMode.EVERY_EXECUTION, tiles.tiles(), tiles.runs())
            .task(
                "portable",
                PortableKernel::attend,
                new KernelContext(),
                wideQuery,
                wideKey,
                wideValue,
                out,
                logSumExp,
                tiles.tiles(),
                tiles.runs(),
                shape.tokens(),
                shape.heads(),
                shape.kvHeads(),
                shape.headDim(),
                (float) shape.scale())
            .transferToHost(DataTransferMode.EVERY_EXECUTION, out, logSumExp);
    WorkerGrid2D grid =
        new WorkerGrid2D(
            Math.toIntExact(room.tiles() * PortableKernel.THREADS),
            Math.multiplyExact(shape.heads(), shape.batch()));
    grid.setLocalWork(PortableKernel.THREADS, 1, 1);
    grids.addWorkerGrid("attention.portable", grid);
    plan = new DevicePlan(device, grids, bytes, inputs, attention);
  }

  /** Room for any layout of frames. */
  static TileRoom room(AttentionShape shape) {
    return TileRoom.forFrames(shape, PortableKernel.QUERIES);
  }

  /** Number of bytes that the buffers for a shape take. */
  static long bytes(AttentionShape shape, DType dtype, TileRoom room) {
    long elements = 2 * shape.queryElements() + 2 * shape.keyElements() + shape.logSumExpElements();
    long narrow =
        dtype == DType.F32
            ? 0
            : (shape.queryElements() + 2 * shape.keyElements()) * dtype.bytes() + (1 << 18);
    return elements * Float.BYTES + narrow + QueryTiles.bytes(shape, room) + (1 << 20);
  }

  private static FloatArray table(DType dtype) {
    FloatArray table = new FloatArray(1 << 16);
    MemorySegment bits = MemorySegment.ofArray(new short[1]);
    for (int i = 0; i < table.getSize(); i++) {
      bits.set(ValueLayout.JAVA_SHORT, 0, (short) i);
      table.set(i, dtype.get(bits, 0));
    }
    return table;
  }

  private static void widen(
      TaskGraph graph,
      GridScheduler grids,
      String name,
      ShortArray narrow,
      FloatArray table,
      FloatArray wide) {
    grids.addWorkerGrid("inputs." + name, grid(narrow.getSize()));
    graph.task(name, Layouts::widen, new KernelContext(), narrow, table, wide, narrow.getSize());
  }

  private static WorkerGrid1D grid(int size) {
    WorkerGrid1D grid = new WorkerGrid1D(Math.ceilDiv(size, Layouts.THREADS) * Layouts.THREADS);
    grid.setLocalWork(Layouts.THREADS, 1, 1);
    return grid;
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
  public void load(AttentionInputs inputs) {
    copy(inputs.query(), query);
    copy(inputs.key(), key);
    copy(inputs.value(), value);
  }

  private static void copy(MemorySegment from, TornadoNativeArray to) {
    MemorySegment.copy(from, 0, to.getSegment(), 0, from.byteSize());
  }

  @Override
  public void inputsReady() {}

  @Override
  public int attentionGraph() {
    return 1;
  }

  @Override
  public String rowName() {
    return TornadoKernel.rowName("portable", dtype);
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
  public FloatArray out() {
    return out;
  }

  @Override
  public FloatArray logSumExp() {
    return logSumExp;
  }

  @Override
  public long bytes() {
    return bytes;
  }
}
