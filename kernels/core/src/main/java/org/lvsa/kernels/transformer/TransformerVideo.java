// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.transformer;

import org.lvsa.kernels.AttentionShape;

/**
 * The video and the text that a transformer's buffers are made for.
 *
 * @param frames frames of patches
 * @param rows rows of patches
 * @param columns columns of patches
 * @param textTokens tokens of the text, padding included
 */
public record TransformerVideo(int frames, int rows, int columns, int textTokens) {
  /** Tokens of the video. */
  public int tokens() {
    return Math.multiplyExact(frames, patches());
  }

  /** Tokens of a frame. */
  public int patches() {
    return Math.multiplyExact(rows, columns);
  }

  /** The self-attention of the video's tokens. */
  public AttentionShape selfAttention(TransformerShape shape) {
    return new AttentionShape(
        1, frames, patches(), 0, shape.heads(), shape.heads(), shape.headDim());
  }
}
