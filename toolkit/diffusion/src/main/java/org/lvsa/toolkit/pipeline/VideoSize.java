// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.vae.LatentSize;

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
   * How latents stand for a video.
   *
   * @param channels numbers per latent pixel
   * @param temporal video frames per latent frame, after the first
   * @param spatial pixels per latent pixel, along each side
   */
  public record VaeFactors(int channels, int temporal, int spatial) {}

  /**
   * The size of the latents that stand for a video of this size.
   *
   * @param vae the latents' channels and how they divide the video
   * @param patch latent pixels per patch of the transformer, along each side
   * @throws IllegalArgumentException if frames or sides do not divide, with the nearest that do
   */
  public LatentSize latents(VaeFactors vae, int patch) {
    return latents(vae, patch, patch);
  }

  /**
   * As {@link #latents(VaeFactors, int)} with patches that need not be squares.
   *
   * @param patchRows latent rows per patch of the transformer
   * @param patchColumns latent pixels of a row per patch
   */
  public LatentSize latents(VaeFactors vae, int patchRows, int patchColumns) {
    int temporalFactor = vae.temporal();
    int spatialFactor = vae.spatial();
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
    int rows = spatialFactor * patchRows;
    int columns = spatialFactor * patchColumns;
    if (resolution.width() % columns != 0 || resolution.height() % rows != 0) {
      throw new IllegalArgumentException(
          (rows == columns
                  ? "both sides of the resolution must be multiples of " + rows
                  : "the resolution's width must be a multiple of "
                      + columns
                      + " and its height of "
                      + rows)
              + ", got "
              + resolution
              + "; the nearest are "
              + new Resolution(below(resolution.width(), columns), below(resolution.height(), rows))
              + " and "
              + new Resolution(
                  above(resolution.width(), columns), above(resolution.height(), rows)));
    }
    int latentFrames = (frames - 1) / temporalFactor + 1;
    int height = resolution.height() / spatialFactor;
    int width = resolution.width() / spatialFactor;
    long elements = (long) vae.channels() * latentFrames * height * width;
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
    return new LatentSize(vae.channels(), latentFrames, height, width);
  }

  private static int below(int side, int pixels) {
    return Math.max(side / pixels * pixels, pixels);
  }

  private static int above(int side, int pixels) {
    return Math.ceilDiv(side, pixels) * pixels;
  }
}
