// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.transformer;

/** What the blocks of a transformer are made of: a closed choice of the kinds that are known. */
public sealed interface BlockShape {
  /**
   * Elements that a time step gives to the blocks.
   *
   * @param width elements of a token
   */
  int timeSize(int width);

  /** Whether the text's tokens attend together with the video's, and blocks change them too. */
  boolean joint();

  /** Whether the text's tokens are the end of the video's stream, and not a stream of their own. */
  default boolean oneStream() {
    return false;
  }

  /**
   * Self-attention among the video's tokens, cross-attention to a text, and a feed-forward part,
   * shifted, scaled and gated by the sum of a learned table and of what the time step gives (Wan
   * team 2025).
   *
   * @param norm whether a norm with weights stands before the cross-attention
   * @param pictures whether the cross-attention sees tokens of pictures too, by projections of
   *     their own; what it gives for text and for pictures is added
   */
  record Cross(boolean norm, boolean pictures) implements BlockShape {
    @Override
    public int timeSize(int width) {
      return 6 * width;
    }

    @Override
    public boolean joint() {
      return false;
    }
  }

  /**
   * Video and text have linear layers, norms and feed-forward parts of their own and attend
   * together. Each block has layers that make shifts, scales and gates of the embedding of the time
   * step, which it is given after its activation (HunyuanVideo 1.5, Tencent 2025).
   */
  record Joint() implements BlockShape {
    @Override
    public int timeSize(int width) {
      return width;
    }

    @Override
    public boolean joint() {
      return true;
    }
  }

  /**
   * Video and text share linear layers and norms and attend together: one stream of tokens, the
   * video's and behind them the text's. Each block has layers that make shifts, scales and gates of
   * the embedding of the time step, which it is given after its activation, one for the video and
   * one for the text (CogVideoX, Yang et al. 2024).
   *
   * @param timeWidth elements of the time step's embedding
   * @param positions whether positions are added to the video's tokens, instead of turning queries
   *     and keys; see {@link DeviceTransformer.Turns}
   */
  record Shared(int timeWidth, boolean positions) implements BlockShape {
    @Override
    public int timeSize(int width) {
      return timeWidth;
    }

    @Override
    public boolean joint() {
      return true;
    }

    @Override
    public boolean oneStream() {
      return true;
    }
  }
}
