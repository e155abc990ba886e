// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

/**
 * The size of a video's latents.
 *
 * @param channels numbers of a latent pixel
 * @param frames latent frames
 * @param height rows of a latent frame
 * @param width latent pixels of a row
 * @param framesFirst whether a model's latents have their frames outside of their channels, as
 *     CogVideoX has them; autoencoders take channels first
 */
public record LatentSize(int channels, int frames, int height, int width, boolean framesFirst) {
  /** With channels outside of frames. */
  public LatentSize(int channels, int frames, int height, int width) {
    this(channels, frames, height, width, false);
  }

  /** Checks that there is something. */
  public LatentSize {
    if (channels < 1 || frames < 1 || height < 1 || width < 1) {
      throw new IllegalArgumentException(
          "latents need at least one channel, frame, row and pixel, got "
              + channels
              + "x"
              + frames
              + "x"
              + height
              + "x"
              + width);
    }
  }

  /**
   * The latents of a video that is encoded.
   *
   * @param channels of a latent pixel
   * @param frames latent frames
   * @param factor pixels of a row for each of a latent's
   * @param height rows of a frame
   * @param width pixels of a row
   * @throws IllegalArgumentException if a side does not divide
   */
  static LatentSize ofVideo(int channels, int frames, int factor, int height, int width) {
    if (height % factor != 0 || width % factor != 0) {
      throw new IllegalArgumentException(
          "width and height must be multiples of " + factor + ", got " + width + "x" + height);
    }
    return new LatentSize(channels, frames, height / factor, width / factor);
  }

  /** Refuses a video without frames. */
  static void requireFrames(int frames) {
    if (frames < 1) {
      throw new IllegalArgumentException("a video needs at least one frame, got " + frames);
    }
  }

  /** Refuses latents of another number of elements or channels than this size has. */
  void check(float[] latents, int expectedChannels) {
    if (channels != expectedChannels || latents.length != elements()) {
      throw new IllegalArgumentException(
          "latents must have "
              + expectedChannels
              + " channels and "
              + elements()
              + " elements, got "
              + channels
              + " and "
              + latents.length);
    }
  }

  /** The sizes of the tensor of one video, outermost first: a batch of 1 and four axes. */
  public long[] shape() {
    return framesFirst
        ? new long[] {1, frames, channels, height, width}
        : new long[] {1, channels, frames, height, width};
  }

  /** Number of elements of a tensor {@code [channels, frames, height, width]}. */
  public int elements() {
    return Math.multiplyExact(
        Math.multiplyExact(channels, frames), Math.multiplyExact(height, width));
  }
}
