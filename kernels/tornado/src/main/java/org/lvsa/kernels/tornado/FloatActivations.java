// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Everything in float32, by kernels that any device of TornadoVM runs. */
record FloatActivations() implements Activations<FloatArray> {
  @Override
  public FloatArray array(long elements) {
    return new FloatArray(Math.toIntExact(elements));
  }

  @Override
  public void write(MemorySegment floats, FloatArray to, long first) {
    MemorySegment.copy(floats, 0, to.getSegment(), first * Float.BYTES, floats.byteSize());
  }

  @Override
  public int bytes() {
    return Float.BYTES;
  }

  @Override
  public String products() {
    return "java-tiled-f32";
  }

  @Override
  public void copy(
      GraphTasks tasks, String name, WeightPart<FloatArray> from, FloatArray to, IntArray block) {
    copyFloats(tasks, name, from, to, block);
  }

  /** As {@link #copy}, also for the float32 weights of 16-bit models. */
  static void copyFloats(
      GraphTasks tasks, String name, WeightPart<FloatArray> from, FloatArray to, IntArray block) {
    int threads = copyThreads(from.size());
    tasks.perThread(name, threads);
    tasks
        .graph()
        .task(
            name,
            FloatTransformerKernels::copy,
            new KernelContext(),
            from.array(),
            to,
            block,
            from.first(),
            from.blocks(),
            from.size(),
            threads);
  }

  /** Threads of a copy: each one copies several elements of a large tensor. */
  static int copyThreads(int size) {
    return Math.ceilDiv(Math.min(size, 1 << 19), FloatTransformerKernels.THREADS)
        * FloatTransformerKernels.THREADS;
  }

  @Override
  public void touch(GraphTasks tasks, String name, FloatArray array) {
    tasks.perThread(name, 1);
    tasks
        .graph()
        .task(name, FloatTransformerKernels::touch, new KernelContext(), array, new FloatArray(1));
  }

  /** As {@link #touch(GraphTasks, String, FloatArray)}. */
  static void touch(GraphTasks tasks, String name, IntArray array) {
    tasks.perThread(name, 1);
    tasks
        .graph()
        .task(
            name,
            FloatTransformerKernels::touchInts,
            new KernelContext(),
            array,
            new FloatArray(1));
  }

  @Override
  public void linear(
      GraphTasks tasks,
      String name,
      FloatArray x,
      Linear<FloatArray> layer,
      FloatArray y,
      int tokens,
      boolean gelu) {
    String task = TaskTimes.product(name);
    tasks.groups(
        task,
        Math.ceilDiv(tokens, FloatTransformerKernels.TILE),
        Math.ceilDiv(layer.out(), FloatTransformerKernels.TILE),
        FloatTransformerKernels.THREADS);
    tasks
        .graph()
        .task(
            task,
            FloatTransformerKernels::linear,
            new KernelContext(),
            x,
            layer.weight(),
            layer.bias(),
            y,
            tokens,
            layer.in(),
            layer.out(),
            gelu ? 1 : 0);
  }

  @Override
  public void modulate(
      GraphTasks tasks, String name, Tokens x, Modulations modulations, int row, FloatArray out) {
    modulate(tasks, name, x, modulations, new Rows(row, x.width(), 6 * x.width()), out);
  }

  /**
   * Where shift and scale are.
   *
   * @param row of the table with the shift
   * @param timeStride 0 where one row of the time step is for all rows of the table
   * @param timeSize elements that a time step gives
   */
  record Rows(int row, int timeStride, int timeSize) {}

  /** As {@link #modulate(GraphTasks, String, Tokens, Modulations, int, FloatArray)}. */
  static void modulate(
      GraphTasks tasks, String name, Tokens x, Modulations modulations, Rows rows, FloatArray out) {
    tasks.perRow(name, x.count());
    tasks
        .graph()
        .task(
            name,
            FloatTransformerKernels::modulate,
            new KernelContext(),
            x.x(),
            modulations.table(),
            modulations.time(),
            out,
            rows.row(),
            rows.timeStride(),
            rows.timeSize(),
            modulations.tokensPerTime(),
            x.width(),
            x.eps());
  }

  @Override
  public void addModulate(
      GraphTasks tasks,
      String name,
      Tokens x,
      FloatArray y,
      Modulations modulations,
      int row,
      FloatArray out) {
    tasks.perRow(name, x.count());
    tasks
        .graph()
        .task(
            name,
            FloatTransformerKernels::addModulate,
            new KernelContext(),
            x.x(),
            y,
            modulations.table(),
            modulations.time(),
            out,
            row,
            modulations.tokensPerTime(),
            x.width(),
            x.eps());
  }

  @Override
  public void addGatedNorm(
      GraphTasks tasks,
      String name,
      Tokens x,
      FloatArray y,
      Modulations modulations,
      int row,
      Norm norm,
      FloatArray out) {
    tasks.perRow(name, x.count());
    tasks
        .graph()
        .task(
            name,
            FloatTransformerKernels::addGatedNorm,
            new KernelContext(),
            x.x(),
            y,
            modulations.table(),
            modulations.time(),
            norm.weight(),
            norm.bias(),
            out,
            row,
            modulations.tokensPerTime(),
            x.width(),
            x.eps());
  }

  @Override
  public void addGated(
      GraphTasks tasks, String name, Tokens x, FloatArray y, Modulations modulations, int row) {
    tasks.perRow(name, x.count());
    tasks
        .graph()
        .task(
            name,
            FloatTransformerKernels::addGated,
            new KernelContext(),
            x.x(),
            y,
            modulations.table(),
            modulations.time(),
            row,
            modulations.tokensPerTime(),
            x.width());
  }

  @Override
  public void sum(GraphTasks tasks, String name, FloatArray x, FloatArray y) {
    tasks.perThread(name, x.getSize());
    tasks.graph().task(name, FloatTransformerKernels::sum, new KernelContext(), x, y, x.getSize());
  }

  @Override
  public void narrow(GraphTasks tasks, String name, Tokens x, FloatArray out) {
    int size = Math.multiplyExact(x.count(), x.width());
    tasks.perThread(name, size);
    tasks
        .graph()
        .task(name, FloatTransformerKernels::narrow, new KernelContext(), x.x(), out, size);
  }

  @Override
  public void rotate(
      GraphTasks tasks, String name, FloatArray x, int tokens, FloatArray weight, Rotary rotary) {
    tasks.perRow(name, tokens);
    tasks
        .graph()
        .task(
            name,
            FloatTransformerKernels::turnHeads,
            new KernelContext(),
            x,
            weight,
            rotary.turns(),
            rotary.width(),
            rotary.headDim(),
            rotary.eps(),
            rotary.turning() ? 1 : 0,
            rotary.frames(),
            rotary.rows(),
            rotary.columns(),
            rotary.framePairs(),
            rotary.rowPairs());
  }

  @Override
  public DeviceAttention<FloatArray> attention(DeviceAttention.Sizes sizes) {
    return new Portable(sizes);
  }

  /** {@link PortableKernel} on the block's own buffers. */
  private static final class Portable implements DeviceAttention<FloatArray> {
    private final AttentionShape shape;
    private final Sizes sizes;
    private final QueryTiles tiles;
    private final Map<Cross, QueryTiles> crossTiles = new EnumMap<>(Cross.class);
    private final FloatArray logSumExp;
    private final FloatArray scratch;

    Portable(Sizes sizes) {
      shape = sizes.self();
      this.sizes = sizes;
      tiles =
          QueryTiles.allocate(
              shape, PortableKernel.QUERIES, TileRoom.forFrames(shape, PortableKernel.QUERIES));
      crossTiles.put(
          Cross.TEXT, QueryTiles.cross(shape, PortableKernel.QUERIES, sizes.textTokens()));
      if (sizes.pictureTokens() > 0) {
        crossTiles.put(
            Cross.PICTURES, QueryTiles.cross(shape, PortableKernel.QUERIES, sizes.pictureTokens()));
      }
      logSumExp = new FloatArray(Math.toIntExact(shape.logSumExpElements()));
      scratch = new FloatArray(Math.toIntExact(shape.queryElements()));
    }

    @Override
    public String kernel() {
      return "portable-f32";
    }

    @Override
    public void fill(BlockSparseLayout layout) {
      tiles.fill(shape, QueryTiles.groups(shape, layout));
    }

    @Override
    public List<IntArray> layout() {
      return List.of(tiles.tiles(), tiles.runs());
    }

    @Override
    public List<IntArray> constants() {
      return crossTiles.values().stream()
          .flatMap(one -> Stream.of(one.tiles(), one.runs()))
          .toList();
    }

    @Override
    public FloatArray values() {
      return new FloatArray(Math.toIntExact(shape.keyElements()));
    }

    @Override
    public FloatArray values(Cross what) {
      int tokens = what == Cross.TEXT ? sizes.textTokens() : sizes.pictureTokens();
      return new FloatArray(Math.multiplyExact(tokens, shape.heads() * shape.headDim()));
    }

    @Override
    public FloatArray self(
        GraphTasks tasks, FloatArray query, FloatArray key, FloatArray value, FloatArray spare) {
      add(tasks, "attention", query, key, value, tiles, scratch);
      return scratch;
    }

    @Override
    public void cross(
        GraphTasks tasks,
        Cross what,
        FloatArray query,
        FloatArray key,
        FloatArray value,
        FloatArray to) {
      String name = what == Cross.TEXT ? "crossAttention" : "pictureAttention";
      add(tasks, name, query, key, value, crossTiles.get(what), to);
    }

    private void add(
        GraphTasks tasks,
        String name,
        FloatArray query,
        FloatArray key,
        FloatArray value,
        QueryTiles of,
        FloatArray to) {
      tasks.groups(name, Math.toIntExact(of.room().tiles()), shape.heads(), PortableKernel.THREADS);
      tasks
          .graph()
          .task(
              name,
              PortableKernel::attend,
              new KernelContext(),
              query,
              key,
              value,
              to,
              logSumExp,
              of.tiles(),
              of.runs(),
              shape.tokens(),
              shape.heads(),
              shape.kvHeads(),
              shape.headDim(),
              (float) shape.scale());
    }

    @Override
    public FloatArray scratch() {
      return scratch;
    }
  }
}
