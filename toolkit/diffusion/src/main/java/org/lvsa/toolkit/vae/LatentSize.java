// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

/**
 * The size of a video's latents.
 *
 * @param channels numbers of a latent pixel
 * @param frames latent frames
 * @param height rows of a latent frame
 * @param width latent pixels of a row
 */
public record LatentSize(int channels, int frames, int height, int width) {
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

  /** Number of elements of a tensor {@code [channels, frames, height, width]}. */
  public int elements() {
    return Math.multiplyExact(
        Math.multiplyExact(channels, frames), Math.multiplyExact(height, width));
  }
}
