// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The part of a transformer's tasks that depends on the type of weights and activations. The stream
 * of tokens that blocks add to, norms' weights and modulations are float32 whatever the type. Names
 * of tasks tell the kind of work, see {@link TaskTimes}.
 *
 * @param <A> the array type of activations and of the linear layers' weights
 */
sealed interface Activations<A extends TornadoNativeArray>
    permits FloatActivations, HalfActivations {

  /** A linear layer: {@code weight [out, in]} and {@code bias [out]}. */
  record Linear<A>(A weight, A bias, int in, int out) {}

  /**
   * What shifts, scales and gates.
   *
   * @param table the learned one, rows of the width
   * @param time what each time step gave, rows of the width
   * @param tokensPerTime tokens that share a time step
   */
  record Modulations(FloatArray table, FloatArray time, int tokensPerTime) {}

  /** A new array. */
  A array(long elements);

  /** Writes float32 numbers into an array, rounded to its type, from an element on. */
  void write(MemorySegment floats, A to, long first);

  /** Bytes of an element. */
  int bytes();

  /** The kernels of matrix products, for result rows. */
  String products();

  /** The kernels besides products and attention. */
  TransformerKernels<A> kernels();

  /** Adds {@link FloatTransformerKernels#copy}. */
  default void copy(GraphTasks tasks, String name, WeightPart<A> from, A to, IntArray block) {
    // Each thread copies several elements of a large tensor.
    int threads =
        Math.ceilDiv(Math.min(from.size(), 1 << 19), FloatTransformerKernels.THREADS)
            * FloatTransformerKernels.THREADS;
    tasks.perThread(name, threads);
    tasks
        .graph()
        .task(
            name,
            kernels().copy(),
            new KernelContext(),
            from.array(),
            to,
            block,
            from.first(),
            from.blocks(),
            from.size(),
            threads);
  }

  /** Adds {@link FloatTransformerKernels#touch}. */
  default void touch(GraphTasks tasks, String name, A array) {
    tasks.perThread(name, 1);
    tasks.graph().task(name, kernels().touch(), new KernelContext(), array, new FloatArray(1));
  }

  /** Adds a linear layer. */
  void linear(GraphTasks tasks, String name, A x, Linear<A> layer, A y, int tokens, boolean gelu);

  /**
   * Adds {@link FloatTransformerKernels#modulate}, with a row of the time for each of the table.
   */
  default void modulate(
      GraphTasks tasks, String name, Tokens x, Modulations modulations, int row, A out) {
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

  /** Adds {@link FloatTransformerKernels#modulate}. */
  default void modulate(
      GraphTasks tasks, String name, Tokens x, Modulations modulations, Rows rows, A out) {
    tasks.perRow(name, x.count());
    tasks
        .graph()
        .task(
            name,
            kernels().modulate(),
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

  /** Adds {@link FloatTransformerKernels#addModulate}. */
  default void addModulate(
      GraphTasks tasks, String name, Tokens x, A y, Modulations modulations, int row, A out) {
    tasks.perRow(name, x.count());
    tasks
        .graph()
        .task(
            name,
            kernels().addModulate(),
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

  /** Adds {@link FloatTransformerKernels#addGatedNorm}. */
  default void addGatedNorm(
      GraphTasks tasks,
      String name,
      Tokens x,
      A y,
      Modulations modulations,
      int row,
      Norm norm,
      A out) {
    tasks.perRow(name, x.count());
    tasks
        .graph()
        .task(
            name,
            kernels().addGatedNorm(),
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

  /** Adds {@link FloatTransformerKernels#addGated}. */
  default void addGated(
      GraphTasks tasks, String name, Tokens x, A y, Modulations modulations, int row) {
    tasks.perRow(name, x.count());
    tasks
        .graph()
        .task(
            name,
            kernels().addGated(),
            new KernelContext(),
            x.x(),
            y,
            modulations.table(),
            modulations.time(),
            row,
            modulations.tokensPerTime(),
            x.width());
  }

  /** Adds {@link FloatTransformerKernels#sum}. */
  default void sum(GraphTasks tasks, String name, A x, A y) {
    tasks.perThread(name, x.getSize());
    tasks.graph().task(name, kernels().sum(), new KernelContext(), x, y, x.getSize());
  }

  /** Adds {@link FloatTransformerKernels#narrow}. */
  default void narrow(GraphTasks tasks, String name, Tokens x, A out) {
    int size = Math.multiplyExact(x.count(), x.width());
    tasks.perThread(name, size);
    tasks.graph().task(name, kernels().narrow(), new KernelContext(), x.x(), out, size);
  }

  /** Adds {@link FloatTransformerKernels#turnHeads}. */
  default void rotate(
      GraphTasks tasks, String name, A x, int tokens, FloatArray weight, Rotary rotary) {
    tasks.perRow(name, tokens);
    tasks
        .graph()
        .task(
            name,
            kernels().turnHeads(),
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

  /**
   * The stream of tokens.
   *
   * @param x {@code [count, width]}
   * @param eps of the norms
   */
  record Tokens(FloatArray x, int count, int width, float eps) {}

  /** Weight and bias of a norm. */
  record Norm(FloatArray weight, FloatArray bias) {}

  /**
   * A rotary embedding.
   *
   * @param turns cosine and sine of each pair, for frames, rows, columns
   * @param turning whether it turns at all; else the norm alone runs
   * @param framePairs pairs of a head that the frame turns
   * @param rowPairs pairs of a head that the row turns
   */
  record Rotary(
      FloatArray turns,
      boolean turning,
      int frames,
      int rows,
      int columns,
      int headDim,
      int width,
      float eps,
      int framePairs,
      int rowPairs) {
    /** The norm without the turns. */
    Rotary normOnly() {
      return new Rotary(
          turns, false, frames, rows, columns, headDim, width, eps, framePairs, rowPairs);
    }
  }

  /** The kernels of a decoder. */
  DecoderKernels<A> decoder();

  /** The kernels that bring tokens heads first and back. */
  VectorMoves<A> moves();

  /** Self-attention and cross-attention of one transformer, by kernels in Java. */
  DeviceAttention<A> attention(DeviceAttention.Sizes sizes);

  /** The attention of a block as tasks, with the layout in arrays that the device reads. */
  interface DeviceAttention<A> {
    /**
     * What it is for.
     *
     * @param textTokens keys of the cross-attention to the text
     * @param pictureTokens keys of the cross-attention to pictures; 0 without
     */
    record Sizes(AttentionShape self, int textTokens, int pictureTokens) {
      static Sizes of(TransformerShape shape, TransformerVideo video) {
        TransformerVideo.Told told = video.told();
        return new Sizes(video.selfAttention(shape), told.textTokens(), told.pictureTokens());
      }
    }

    /** What a cross-attention looks at. */
    enum Cross {
      TEXT,
      PICTURES
    }

    /** The kernel, for result rows. */
    String kernel();

    /** Whether the tasks can compute a layout; if not, another plan can. */
    boolean holds(BlockSparseLayout layout);

    /** Writes a layout into the arrays of {@link #layout}. */
    void fill(BlockSparseLayout layout);

    /** The arrays with the layout, which a forward pass sends once. */
    List<IntArray> layout();

    /** Arrays that never change. */
    List<IntArray> constants();

    /** An array for values of the video's tokens, which may need room behind the last one. */
    A values();

    /** As {@link #values()}, of a cross-attention. */
    A values(Cross what);

    /**
     * Adds self-attention.
     *
     * @param spare may be written to
     * @return the array with the result
     */
    A self(GraphTasks tasks, A query, A key, A value, A spare);

    /**
     * Adds cross-attention.
     *
     * @param to receives the result
     */
    void cross(GraphTasks tasks, Cross what, A query, A key, A value, A to);

    /** A float32 array of the size of the queries that nobody needs between two blocks. */
    FloatArray scratch();
  }
}
