// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Optional;

/** A part of what a decoder does with one latent frame. */
sealed interface DecoderStep {
  /** Where volumes of float32 numbers lie, {@code [frames, rows, columns, channels]}. */
  enum Place {
    /** The latent frame. */
    LATENTS,
    ONE,
    TWO,
    THREE,
    /** What a level began with, where it is added at the level's end. */
    BEGIN,
    /** The decoded frames. */
    FRAMES
  }

  /**
   * The size of a volume.
   *
   * @param frames of every latent frame but a video's first, which has one
   */
  record Size(int frames, int rows, int columns) {
    int framePixels() {
      return Math.multiplyExact(rows, columns);
    }

    /** May be more than a device's array holds: whether it fits is asked before one is made. */
    long pixels() {
      return (long) frames * rows * columns;
    }
  }

  /** What becomes of a convolution's result. */
  enum Into {
    /** It takes the place of what was there. */
    REPLACE,
    /** It is added to what is there. */
    ADD,
    /**
     * The two halves of its channels are two frames. A video's first latent frame stays as it was.
     */
    TWO_FRAMES
  }

  /**
   * A convolution. One of three frames sees the two frames before each.
   *
   * @param name of its tensors
   * @param norm that stands before it with SiLU; empty for none
   * @param size of the result, before halves become frames
   */
  record Conv(
      String name, Optional<String> norm, Kernel kernel, Size size, Place from, Place to, Into into)
      implements DecoderStep {
    /** Pixels that it sees. */
    long seenPixels() {
      return size.pixels() / (kernel.scale * kernel.scale);
    }

    /** Whether its result is a matrix product of what it sees, as that lies. */
    boolean isProduct() {
      return kernel.taps() == 1 && kernel.scale == 1;
    }

    /** Numbers of two frames of what it sees. */
    long keptElements() {
      return 2L * seenPixels() / size.frames * kernel.in;
    }
  }

  /**
   * What a convolution computes.
   *
   * @param frames 3, or 1
   * @param side 3, or 1
   * @param scale 2 to see each pixel as a square of four, else 1
   */
  record Kernel(int in, int out, int frames, int side, int scale) {
    int taps() {
      return frames * side * side;
    }

    /** Numbers that a pixel of the result is made of. */
    int columns() {
      return Math.multiplyExact(taps(), in);
    }

    /** Channels of the result with those behind them that make rows of 16 bytes. */
    int padded() {
      return Math.ceilDiv(out, 8) * 8;
    }
  }

  /**
   * Attention of one head within a frame, added to it.
   *
   * @param name of its tensors
   */
  record Attention(String name, int channels, Size size, Place place) implements DecoderStep {}

  /** Copies a volume to {@link Place#BEGIN}. */
  record Remember(Size size, int channels, Place from) implements DecoderStep {}

  /**
   * Adds {@link Place#BEGIN}, whose channels are repeated and become blocks of pixels.
   *
   * @param size of the result
   * @param begin channels of what is added
   * @param blockFrames frames that one becomes
   */
  record AddRepeated(Size size, int channels, int begin, int blockFrames, Place to)
      implements DecoderStep {}
}
