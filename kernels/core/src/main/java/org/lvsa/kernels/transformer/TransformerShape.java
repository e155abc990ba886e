// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.transformer;

import java.util.List;

/**
 * The sizes of a transformer of videos.
 *
 * @param layers number of blocks
 * @param heads attention heads
 * @param headDim elements of a head; a token has {@code heads · headDim} elements
 * @param feedForward elements inside the feed-forward part
 * @param blocks what a block is made of
 * @param eps added in the norms
 * @param axes what the rotary embedding turns
 * @param patch how latents become tokens
 */
public record TransformerShape(
    int layers,
    int heads,
    int headDim,
    int feedForward,
    BlockShape blocks,
    float eps,
    Axes axes,
    Patch patch) {
  /**
   * Pairs of a head's elements that the rotary embedding turns along each axis of the video: all of
   * them together, or none where there is no rotary embedding. Those of the frame come first in a
   * head, then those of the row, then those of the column.
   *
   * @param frames pairs that turn by the frame
   * @param rows by the row
   * @param columns by the column
   */
  public record Axes(int frames, int rows, int columns) {
    /** Whether there is a rotary embedding. */
    public boolean turn() {
      return frames + rows + columns > 0;
    }

    /**
     * The axes of a model.
     *
     * @param elements of a head, two of each pair: those of frame, row and column
     */
    public static Axes ofElements(List<Integer> elements) {
      return new Axes(elements.get(0) / 2, elements.get(1) / 2, elements.get(2) / 2);
    }
  }

  /** How the output head orders the values of a patch. */
  public enum Order {
    /** Place by place, each with all channels. */
    CHANNEL_LAST,
    /** Channel by channel, each with all places: frame by frame, row by row. */
    CHANNEL_FIRST
  }

  /**
   * The values of the latents that make a token. The patch embedding takes them channel by channel.
   *
   * @param inChannels channels of the latents that go in
   * @param outChannels channels of the prediction
   * @param frames latent frames of a patch
   * @param rows latent rows
   * @param columns latent columns
   * @param out how the output head orders them
   */
  public record Patch(
      int inChannels, int outChannels, int frames, int rows, int columns, Order out) {
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
