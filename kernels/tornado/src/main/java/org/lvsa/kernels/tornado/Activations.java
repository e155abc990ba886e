// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
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

  /** Adds {@link FloatTransformerKernels#copy}. */
  void copy(GraphTasks tasks, String name, WeightPart<A> from, A to, IntArray block);

  /** Adds {@link FloatTransformerKernels#touch}. */
  void touch(GraphTasks tasks, String name, A array);

  /** Adds a linear layer. */
  void linear(GraphTasks tasks, String name, A x, Linear<A> layer, A y, int tokens, boolean gelu);

  /** Adds {@link FloatTransformerKernels#modulate}. */
  void modulate(GraphTasks tasks, String name, Tokens x, Modulations modulations, int row, A out);

  /** Adds {@link FloatTransformerKernels#addModulate}. */
  void addModulate(
      GraphTasks tasks, String name, Tokens x, A y, Modulations modulations, int row, A out);

  /** Adds {@link FloatTransformerKernels#addGatedNorm}. */
  void addGatedNorm(
      GraphTasks tasks,
      String name,
      Tokens x,
      A y,
      Modulations modulations,
      int row,
      Norm norm,
      A out);

  /** Adds {@link FloatTransformerKernels#addGated}. */
  void addGated(GraphTasks tasks, String name, Tokens x, A y, Modulations modulations, int row);

  /** Adds {@link FloatTransformerKernels#sum}. */
  void sum(GraphTasks tasks, String name, A x, A y);

  /** Adds {@link FloatTransformerKernels#narrow}. */
  void narrow(GraphTasks tasks, String name, Tokens x, A out);

  /** Adds {@link FloatTransformerKernels#turnHeads}. */
  void rotate(GraphTasks tasks, String name, A x, int tokens, FloatArray weight, Rotary rotary);

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

  /** Self-attention and cross-attention of one transformer. */
  DeviceAttention<A> attention(DeviceAttention.Sizes sizes);

  /** The attention of a block as tasks, with the layout in arrays that the device reads. */
  interface DeviceAttention<A> {
    /**
     * What it is for.
     *
     * @param textTokens keys of the cross-attention to the text
     * @param pictureTokens keys of the cross-attention to pictures; 0 without
     */
    record Sizes(AttentionShape self, int textTokens, int pictureTokens) {}

    /** What a cross-attention looks at. */
    enum Cross {
      TEXT,
      PICTURES
    }

    /** The kernel, for result rows. */
    String kernel();

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
