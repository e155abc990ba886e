// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import org.lvsa.toolkit.blocks.BlockRunner;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The self-attention among a video's tokens, which each block of a transformer calls. */
@FunctionalInterface
public interface VideoSelfAttention {
  /**
   * Attends. The inputs belong to the caller, which frees them after the call; an implementation
   * that wants to keep them copies them.
   *
   * @param layer which block calls, from 0
   * @param query {@code [batch, tokens, heads, headDim]}, float32, row-major, after norm and rotary
   *     embedding
   * @param key as query
   * @param value as query
   * @param grid how the tokens lie
   * @return a new row-major tensor like query, which the caller frees
   */
  INDArray attend(int layer, INDArray query, INDArray key, INDArray value, VideoGrid grid);

  /** What runs the transformer's blocks around this attention: all of them, or a step cache. */
  default BlockRunner blocks() {
    return BlockRunner.ALL;
  }
}
