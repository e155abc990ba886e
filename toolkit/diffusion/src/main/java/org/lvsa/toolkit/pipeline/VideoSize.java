// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.WanVaeConfig;

/**
 * How large a video is.
 *
 * @param resolution pixels
 * @param frames video frames
 */
public record VideoSize(Resolution resolution, int frames) {
  private static final int LARGEST_ARRAY = Integer.MAX_VALUE - 8;

  /** At least one frame. */
  public VideoSize {
    if (frames < 1) {
      throw new IllegalArgumentException("frames must be at least 1, got " + frames);
    }
  }

  /**
   * The size of the latents that stand for a video of this size.
   *
   * @param vae gives the latents' channels and how they divide the video
   * @param patch latent pixels per patch of the transformer, along each side
   * @throws IllegalArgumentException if frames or sides do not divide, with the nearest that do
   */
  public LatentSize latents(WanVaeConfig vae, int patch) {
    int temporalFactor = vae.temporalFactor();
    int spatialFactor = vae.spatialFactor();
    if ((frames - 1) % temporalFactor != 0) {
      int below = (frames - 1) / temporalFactor * temporalFactor + 1;
      throw new IllegalArgumentException(
          "frames must be "
              + temporalFactor
              + "k + 1, got "
              + frames
              + "; the nearest are "
              + below
              + " and "
              + (below + temporalFactor));
    }
    int pixels = spatialFactor * patch;
    if (resolution.width() % pixels != 0 || resolution.height() % pixels != 0) {
      throw new IllegalArgumentException(
          "both sides of the resolution must be multiples of "
              + pixels
              + ", got "
              + resolution
              + "; the nearest are "
              + new Resolution(
                  below(resolution.width(), pixels), below(resolution.height(), pixels))
              + " and "
              + new Resolution(
                  above(resolution.width(), pixels), above(resolution.height(), pixels)));
    }
    int latentFrames = vae.latentFrames(frames);
    int height = resolution.height() / spatialFactor;
    int width = resolution.width() / spatialFactor;
    long elements = (long) vae.latentChannels() * latentFrames * height * width;
    if (elements > LARGEST_ARRAY) {
      throw new IllegalArgumentException(
          "a video of "
              + frames
              + " frames of "
              + resolution
              + " has "
              + elements
              + " latent values, at most "
              + LARGEST_ARRAY
              + " are possible");
    }
    return new LatentSize(vae.latentChannels(), latentFrames, height, width);
  }

  private static int below(int side, int pixels) {
    return Math.max(side / pixels * pixels, pixels);
  }

  private static int above(int side, int pixels) {
    return Math.ceilDiv(side, pixels) * pixels;
  }
}
