// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.Optional;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.sharding.SequencePlan;
import org.lvsa.toolkit.sharding.SequenceShards;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The self-attention that each block of a transformer calls: among a video's tokens, or among the
 * video's and the text's tokens together.
 */
@FunctionalInterface
public interface VideoSelfAttention {
  /**
   * Attends. The inputs belong to the caller, which frees them after the call; an implementation
   * that wants to keep them copies them.
   *
   * @param layer which block calls, from 0
   * @param grid how the video's tokens lie
   * @param video {@code [batch, tokens, heads, headDim]}, float32, row-major, after norm and rotary
   *     embedding; this rank's tokens where a {@link #sequence} is divided
   * @param text tokens that attend together with the video; empty for models that see their text by
   *     cross-attention
   * @return new row-major tensors like the queries, which the caller frees
   */
  Attended attend(int layer, VideoGrid grid, Qkv video, Optional<Qkv> text);

  /** As {@link #attend(int, VideoGrid, Qkv, Optional)}, for a video without text. */
  default INDArray attend(int layer, INDArray query, INDArray key, INDArray value, VideoGrid grid) {
    return attend(layer, grid, new Qkv(query, key, value), Optional.empty()).video();
  }

  /**
   * How the ranks that share the sequence divide the tokens of a prediction. A transformer that has
   * a plan asks for it at the beginning of each prediction and closes it at the end.
   *
   * @param tokens of the video
   * @return all of them where one rank has the sequence
   */
  default SequenceShards sequence(SequencePlan plan, int tokens) {
    return SequenceShards.whole(tokens);
  }

  /**
   * The layout of the self-attentions of one forward pass that something else computes, such as a
   * transformer on a device. Counts as if every layer had called {@link #attend}.
   *
   * @param layers of the transformer
   * @throws IllegalArgumentException if this attention is not one layout for all layers
   */
  default BlockSparseLayout layout(int layers, VideoGrid grid) {
    throw new IllegalArgumentException("this attention cannot be computed on another device");
  }

  /**
   * Is told of such a forward pass.
   *
   * @param device where it ran
   * @param kernels that ran
   * @param millis of the device's kernels
   */
  default void ranElsewhere(String device, String kernels, double millis) {}

  /** What runs the transformer's blocks around this attention: all of them, or a step cache. */
  default BlockRunner blocks() {
    return BlockRunner.ALL;
  }
}
