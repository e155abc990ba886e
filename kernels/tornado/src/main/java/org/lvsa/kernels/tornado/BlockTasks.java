// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.Supplier;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * What a {@link TransformerPlan} has of one kind of blocks: the tasks of a block, what a forward
 * pass tells the blocks, and the streams of tokens that they change.
 *
 * @param <A> the array type of activations
 */
sealed interface BlockTasks<A extends TornadoNativeArray>
    permits CrossBlock, JointBlock, SharedBlock {
  /**
   * What blocks of all kinds work with.
   *
   * @param x the stream that begins with the video's tokens, {@code [tokens, width]}
   * @param turns cosine and sine of the rotary embedding, for frames, rows, columns
   * @param outputs adds an attention whose output may be kept
   */
  record Context<A extends TornadoNativeArray>(
      TransformerShape shape,
      TransformerVideo video,
      Activations<A> activations,
      DeviceAttention<A> attention,
      FloatArray x,
      FloatArray turns,
      Outputs<A> outputs) {
    /** The video's stream, for tasks. */
    Activations.Tokens stream() {
      return new Activations.Tokens(x, video.tokens(), shape.width(), shape.eps());
    }

    /** The rotary embedding of the video's tokens. */
    Activations.Rotary rotary() {
      return Activations.Rotary.of(shape, video, turns);
    }
  }

  /** Adds attentions, see {@link KeptOutputs#add}. */
  interface Outputs<A> {
    A add(GraphTasks tasks, BlockLoop.Attention kind, Supplier<A> add);
  }

  /** Those of the transformer's kind. */
  static <A extends TornadoNativeArray> BlockTasks<A> of(Context<A> context) {
    return switch (context.shape().blocks()) {
      case BlockShape.Cross _ -> new CrossBlock<>(context);
      case BlockShape.Joint _ -> new JointBlock<>(context);
      case BlockShape.Shared _ -> new SharedBlock<>(context);
    };
  }

  /** The streams of tokens that blocks change, the video's first. */
  List<FloatArray> streams();

  /** The arrays that a forward pass sends, for all blocks. */
  List<TornadoNativeArray> inputs();

  /**
   * Adds tasks behind the patch embedding, of which one at least reads each of the inputs: so they
   * stay on the device.
   */
  void embed(GraphTasks tasks);

  /**
   * Writes what a forward pass tells the blocks into the inputs.
   *
   * @return tokens of the text that attend together with the video's
   * @throws IllegalArgumentException if they do not fit the video
   */
  int fill(Forward forward);

  /**
   * Adds the tasks of a block.
   *
   * @param weights of the block, those that are needed before self-attention
   * @param bringRest adds the tasks that bring the others
   */
  void add(GraphTasks tasks, BlockBuffers<A> weights, Runnable bringRest);

  /** Writes numbers into an array from an element on, and gives the element behind them. */
  static int fill(FloatArray to, int first, float[] from) {
    MemorySegment.copy(
        from, 0, to.getSegment(), ValueLayout.JAVA_FLOAT, (long) first * Float.BYTES, from.length);
    return first + from.length;
  }
}
