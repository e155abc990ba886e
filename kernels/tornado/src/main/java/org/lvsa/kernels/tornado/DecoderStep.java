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
   * @param frames at most: of which how many count, {@link DecoderState} tells
   * @param doublings how often frames were doubled before it
   */
  record Size(int frames, int rows, int columns, int doublings) {
    /** Of one latent frame that was doubled as often as it takes. */
    Size(int frames, int rows, int columns) {
      this(frames, rows, columns, Integer.numberOfTrailingZeros(frames));
    }

    int framePixels() {
      return Math.multiplyExact(rows, columns);
    }

    /** With twice the frames. */
    Size doubled() {
      return new Size(2 * frames, rows, columns, doublings + 1);
    }

    /** With twice the rows and columns. */
    Size enlarged() {
      return new Size(frames, 2 * rows, 2 * columns, doublings);
    }

    /** May be more than a device's array holds: whether it fits is asked before one is made. */
    long pixels() {
      return (long) frames * rows * columns;
    }
  }

  /** What a convolution sees where there is no pixel. */
  enum Outside {
    /** Zeros. */
    ZEROS,
    /** Zeros beyond a border, and the first frame before it. */
    FIRST_FRAME,
    /** The nearest pixel of a frame beyond its border, and the first frame before it. */
    NEAREST
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

  /** A norm that stands before a convolution with SiLU. */
  sealed interface Norm {
    /** The name of its tensors. */
    String name();

    /** Of each pixel for itself. */
    record OfPixels(String name) implements Norm {}

    /**
     * Of groups of channels over all frames that count. Factors and terms are made of the latents,
     * each pixel of which serves a square of pixels.
     *
     * @param groups divide the channels
     * @param latentChannels of a latent pixel
     * @param latents size of the latents
     */
    record OfGroups(String name, int groups, int latentChannels, Size latents) implements Norm {}
  }

  /**
   * A convolution. One of three frames sees the two frames before each.
   *
   * @param name of its tensors
   * @param norm that stands before it with SiLU; empty for none
   * @param size of the result, before halves become frames
   */
  record Conv(
      String name, Optional<Norm> norm, Kernel kernel, Size size, Place from, Place to, Into into)
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
   * @param outside what it sees where there is no pixel
   */
  record Kernel(int in, int out, int frames, int side, int scale, Outside outside) {
    /** One that sees zeros where there is no pixel. */
    Kernel(int in, int out, int frames, int side, int scale) {
      this(in, out, frames, side, scale, Outside.ZEROS);
    }

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
   * Attention of one head from each pixel of a frame, added to it.
   *
   * @param name of its tensors
   * @param tensors how those are called
   * @param videoFrames latent frames of a video, of which it sees its own and earlier ones; 0 where
   *     it sees its own alone
   */
  record Attention(
      String name, AttentionTensors tensors, int channels, Size size, Place place, int videoFrames)
      implements DecoderStep {
    /** Frames that there is room for. */
    int frames() {
      return Math.max(videoFrames, 1);
    }

    /** Numbers of the keys of all frames, and of the values. */
    long seenElements() {
      return (long) frames() * size.framePixels() * channels;
    }
  }

  /** What an attention's tensors are called behind its name. */
  enum AttentionTensors {
    /** One for query, key and value together. */
    JOINED,
    /** One for each of the three. */
    APART
  }

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

  /**
   * Adds a volume to another one of more channels, each of its channels repeated.
   *
   * @param in channels of what is added
   */
  record AddChannels(Size size, int channels, int in, Place from, Place to)
      implements DecoderStep {}

  /**
   * Makes pixels of channels: those of a convolution's result, to which the pixels are added that
   * its input's channels make, each of them repeated.
   *
   * @param size of the result
   * @param convolved channels of the convolution's result
   * @param in channels of its input
   * @param blockFrames frames that one becomes, but a video's first
   */
  record Unpack(
      Size size,
      int channels,
      int convolved,
      int in,
      int blockFrames,
      Place result,
      Place input,
      Place to)
      implements DecoderStep {}

  /** Brings the latents to the type of products, for the norms that see them. */
  record Tell(Size size, int channels) implements DecoderStep {}

  /**
   * Makes two frames of each, but for the first one of an odd number.
   *
   * @param size of the result
   */
  record RepeatFrames(Size size, int channels, Place from, Place to) implements DecoderStep {}
}
