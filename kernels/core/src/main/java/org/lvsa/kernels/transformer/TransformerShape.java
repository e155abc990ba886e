// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.transformer;

/**
 * The sizes of a transformer whose blocks have self-attention, cross-attention to a text and a
 * feed-forward part, shifted, scaled and gated by the time step (Wan team 2025).
 *
 * @param layers number of blocks
 * @param heads attention heads
 * @param headDim elements of a head; a token has {@code heads · headDim} elements
 * @param feedForward elements inside the feed-forward part
 * @param crossNorm whether a norm with weights stands before the cross-attention
 * @param pictures whether the cross-attention sees tokens of pictures too, by projections of their
 *     own; what it gives for text and for pictures is added
 * @param eps added in the norms
 * @param patch how latents become tokens
 */
public record TransformerShape(
    int layers,
    int heads,
    int headDim,
    int feedForward,
    boolean crossNorm,
    boolean pictures,
    float eps,
    Patch patch) {
  /**
   * The values of the latents that make a token.
   *
   * @param inChannels channels of the latents that go in
   * @param outChannels channels of the prediction
   * @param frames latent frames of a patch
   * @param rows latent rows
   * @param columns latent columns
   */
  public record Patch(int inChannels, int outChannels, int frames, int rows, int columns) {
    /** Values of a patch per channel. */
    public int size() {
      return frames * rows * columns;
    }
  }

  /** Elements of a token. */
  public int width() {
    return heads * headDim;
  }
}
