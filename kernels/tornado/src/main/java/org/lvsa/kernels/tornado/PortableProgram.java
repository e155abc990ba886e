// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/** {@link PortableKernel} with its buffers. The device widens 16-bit inputs to float32. */
final class PortableProgram implements DeviceProgram {
  private final AttentionShape shape;
  private final DType dtype;
  private final Passage passage;
  private final QueryTiles tiles;
  private final DevicePlan plan;
  private final long bytes;

  PortableProgram(
      AttentionShape shape,
      DType dtype,
      TornadoTarget device,
      TileRoom room,
      Optional<Passage.Orders> orders) {
    this.shape = shape;
    this.dtype = dtype;
    bytes = bytes(shape, dtype, room) + Passage.bytes(shape, dtype, orders);
    int queryElements = Math.toIntExact(shape.queryElements());
    int keyElements = Math.toIntExact(shape.keyElements());
    FloatArray out = new FloatArray(queryElements);
    FloatArray logSumExp = new FloatArray(Math.toIntExact(shape.logSumExpElements()));
    tiles = QueryTiles.allocate(shape, PortableKernel.QUERIES, room);
    GridScheduler grids = new GridScheduler();
    GraphTasks inputs = GraphTasks.of("inputs", device, grids);
    FloatArray wideQuery = new FloatArray(queryElements);
    FloatArray wideKey = new FloatArray(keyElements);
    FloatArray wideValue = new FloatArray(keyElements);
    if (dtype == DType.F32) {
      passage =
          new Passage(
              shape,
              dtype,
              orders,
              new Passage.Arrays(wideQuery, wideKey, wideValue, out, logSumExp));
      passage.in(inputs);
      inputs
          .graph()
          .task(
              "keep",
              Layouts::keep,
              new KernelContext(),
              wideQuery,
              wideKey,
              wideValue,
              new FloatArray(1));
      inputs.perThread("keep", 1);
    } else {
      ShortArray narrowQuery = new ShortArray(queryElements);
      ShortArray narrowKey = new ShortArray(keyElements);
      ShortArray narrowValue = new ShortArray(keyElements);
      passage =
          new Passage(
              shape,
              dtype,
              orders,
              new Passage.Arrays(narrowQuery, narrowKey, narrowValue, out, logSumExp));
      passage.in(inputs);
      FloatArray table = table(dtype);
      inputs.graph().transferToDevice(DataTransferMode.FIRST_EXECUTION, table);
      widen(inputs, "query", narrowQuery, table, wideQuery);
      widen(inputs, "key", narrowKey, table, wideKey);
      widen(inputs, "value", narrowValue, table, wideValue);
    }
    inputs.graph().persistOnDevice(wideQuery, wideKey, wideValue);
    GraphTasks attention = passage.attention("attention", inputs, wideQuery, wideKey, wideValue);
    attention
        .graph()
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, tiles.tiles(), tiles.runs());
    addAttention(
        attention, shape, new Arrays(wideQuery, wideKey, wideValue, out, logSumExp, tiles));
    passage.out(attention, wideQuery, wideKey, wideValue);
    plan = new DevicePlan(grids, bytes, passage.graphs(inputs, attention));
  }

  /** What the kernel reads and writes. */
  record Arrays(
      FloatArray query,
      FloatArray key,
      FloatArray value,
      FloatArray out,
      FloatArray logSumExp,
      QueryTiles tiles) {}

  /** Adds the kernel to a graph. */
  static void addAttention(GraphTasks tasks, AttentionShape shape, Arrays arrays) {
    QueryTiles tiles = arrays.tiles();
    tasks.groups(
        "portable",
        Math.toIntExact(tiles.room().tiles()),
        Math.multiplyExact(shape.heads(), shape.batch()),
        PortableKernel.THREADS);
    tasks
        .graph()
        .task(
            "portable",
            PortableKernel::attend,
            new KernelContext(),
            arrays.query(),
            arrays.key(),
            arrays.value(),
            arrays.out(),
            arrays.logSumExp(),
            tiles.tiles(),
            tiles.runs(),
            shape.tokens(),
            shape.heads(),
            shape.kvHeads(),
            shape.headDim(),
            (float) shape.scale());
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
      GraphTasks tasks, String name, ShortArray narrow, FloatArray table, FloatArray wide) {
    int size = narrow.getSize();
    tasks.graph().task(name, Layouts::widen, new KernelContext(), narrow, table, wide, size);
    tasks.perThread(name, size);
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
  public Passage passage() {
    return passage;
  }

  @Override
  public long bytes() {
    return bytes;
  }
}
