// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
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
sealed interface Activations<A extends TornadoNativeArray> permits DecoderActivations, SixteenBits {

  /** A linear layer: {@code weight [out, in]} and {@code bias [out]}. */
  record Linear<A>(A weight, A bias, int in, int out) {}

  /**
   * What shifts, scales and gates.
   *
   * @param rows of the width, for each time step
   * @param perTime rows of a time step
   * @param tokensPerTime tokens that share a time step
   */
  record Modulations(FloatArray rows, int perTime, int tokensPerTime) {}

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
   * Adds {@link FloatTransformerKernels#modulate}.
   *
   * @param row of the modulations with the shift; that of the scale follows
   */
  default void modulate(
      GraphTasks tasks, String name, Tokens x, Modulations modulations, int row, A out) {
    tasks.perRow(name, x.count(), x.width());
    tasks
        .graph()
        .task(
            name,
            kernels().modulate(),
            new KernelContext(),
            x.x(),
            modulations.rows(),
            out,
            row,
            modulations.perTime(),
            modulations.tokensPerTime(),
            x.width(),
            x.eps());
  }

  /** Adds {@link FloatTransformerKernels#addModulate}. */
  default void addModulate(
      GraphTasks tasks, String name, Tokens x, A y, Modulations modulations, int row, A out) {
    tasks.perRow(name, x.count(), x.width());
    tasks
        .graph()
        .task(
            name,
            kernels().addModulate(),
            new KernelContext(),
            x.x(),
            y,
            modulations.rows(),
            out,
            row,
            modulations.perTime(),
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
    tasks.perRow(name, x.count(), x.width());
    tasks
        .graph()
        .task(
            name,
            kernels().addGatedNorm(),
            new KernelContext(),
            x.x(),
            y,
            modulations.rows(),
            norm.weight(),
            norm.bias(),
            out,
            row,
            modulations.perTime(),
            modulations.tokensPerTime(),
            x.width(),
            x.eps());
  }

  /** Adds {@link FloatTransformerKernels#addGated}. */
  default void addGated(
      GraphTasks tasks, String name, Tokens x, A y, Modulations modulations, int row) {
    tasks.perRow(name, x.count(), x.width());
    tasks
        .graph()
        .task(
            name,
            kernels().addGated(),
            new KernelContext(),
            x.x(),
            y,
            modulations.rows(),
            row,
            modulations.perTime(),
            modulations.tokensPerTime(),
            x.width());
  }

  /** Adds {@link FloatJointKernels#condition}. */
  default void condition(
      GraphTasks tasks, String name, FloatArray x, Linear<A> layer, FloatArray y) {
    String task = TaskTimes.product(name);
    tasks.perRow(task, layer.out());
    tasks
        .graph()
        .task(
            task,
            kernels().condition(),
            new KernelContext(),
            x,
            layer.weight(),
            layer.bias(),
            y,
            layer.in());
  }

  /**
   * Adds {@link FloatJointKernels#append}.
   *
   * @param first the element of {@code to} that the first one comes to
   * @param elements how many
   */
  default void append(GraphTasks tasks, String name, A from, A to, int first, int elements) {
    tasks.perThread(name, elements);
    tasks.graph().task(name, kernels().append(), new KernelContext(), from, to, first, elements);
  }

  /**
   * Adds {@link FloatJointKernels#takeRows}.
   *
   * @param first the element of {@code from} that is taken first
   * @param count one number: rows that are there
   * @param rows that are written
   */
  default void takeRows(
      GraphTasks tasks, String name, A from, A to, int first, IntArray count, Tokens rows) {
    int elements = Math.multiplyExact(rows.count(), rows.width());
    tasks.perThread(name, elements);
    tasks
        .graph()
        .task(
            name,
            kernels().takeRows(),
            new KernelContext(),
            from,
            to,
            count,
            first,
            rows.width(),
            elements);
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

  /**
   * Adds {@link FloatJointKernels#normHeads}.
   *
   * @param x the video's tokens, and then the text's
   * @param tokens of both
   */
  default void normHeads(
      GraphTasks tasks, String name, A x, int tokens, HeadNorms norms, Rotary rotary) {
    int heads = rotary.width() / rotary.headDim();
    int all = Math.multiplyExact(tokens, heads);
    tasks.perRow(name, Math.ceilDiv(all, RowThreads.HEADS));
    tasks
        .graph()
        .task(
            name,
            kernels().normHeads(),
            new KernelContext(),
            x,
            norms.video(),
            norms.text(),
            rotary.turns(),
            all,
            heads,
            rotary.headDim(),
            rotary.eps(),
            rotary.turning() ? 1 : 0,
            rotary.frames(),
            rotary.rows(),
            rotary.columns(),
            rotary.axes().frames(),
            rotary.axes().rows());
  }

  /** Weights of the norms of a head: for tokens of the video, and for those of the text. */
  record HeadNorms(FloatArray video, FloatArray text) {}

  /** Adds {@link FloatTransformerKernels#turnHeads}. */
  default void rotate(
      GraphTasks tasks, String name, A x, int tokens, FloatArray weight, Rotary rotary) {
    tasks.perRow(name, tokens, rotary.width());
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
            rotary.axes().frames(),
            rotary.axes().rows());
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
   * @param axes which pairs of a head turn by what
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
      TransformerShape.Axes axes) {
    /** Those of a video's tokens. */
    static Rotary of(TransformerShape shape, TransformerVideo video, FloatArray turns) {
      return new Rotary(
          turns,
          shape.axes().turn(),
          video.frames(),
          video.rows(),
          video.columns(),
          shape.headDim(),
          shape.width(),
          shape.eps(),
          shape.axes());
    }

    /** With another number added in the norm. */
    Rotary withEps(float other) {
      return new Rotary(turns, turning, frames, rows, columns, headDim, width, other, axes);
    }

    /** The norm without the turns. */
    Rotary normOnly() {
      return new Rotary(turns, false, frames, rows, columns, headDim, width, eps, axes);
    }
  }

  /** The kernels of a transformer whose video and text share their layers. */
  SharedBlockKernels<A> sharedBlock();

  /** Self-attention and cross-attention of one transformer, by kernels in Java. */
  DeviceAttention<A> attention(DeviceAttention.Sizes sizes);
}
