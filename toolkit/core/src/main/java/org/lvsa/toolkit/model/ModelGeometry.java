// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.model;

import java.math.RoundingMode;
import java.util.List;
import java.util.OptionalInt;
import org.lvsa.toolkit.pattern.PatternSettings;

/**
 * The sizes of a video diffusion transformer's self-attention, and how pixels become tokens.
 *
 * @param name the name on the command line
 * @param title the name in text
 * @param heads query heads
 * @param kvHeads key/value heads
 * @param headDim elements of a head's vector
 * @param layers transformer blocks
 * @param temporalFactor video frames a latent frame stands for (after the first)
 * @param spatialFactor pixels a latent pixel stands for, along each side
 * @param patch latent pixels of a patch, along each side
 * @param temporalPatch latent frames of a patch (CogVideoX 1.5: 2). Wherever a pattern counts
 *     latent frames, such a model's are counted after patching: {@code ceil(latentFrames /
 *     temporalPatch)}
 * @param referenceFrames training horizon in latent frames
 * @param ropeAxes how headDim is split over time, height and width for the 3D rotary embedding
 * @param ropeTheta base of the rotary frequencies
 * @param resolutions native resolutions, {@code WIDTHxHEIGHT}
 * @param source where the numbers come from
 */
public record ModelGeometry(
    String name,
    String title,
    int heads,
    int kvHeads,
    int headDim,
    int layers,
    int temporalFactor,
    int spatialFactor,
    int patch,
    int temporalPatch,
    int referenceFrames,
    List<Integer> ropeAxes,
    double ropeTheta,
    List<String> resolutions,
    String source) {

  /** Published window, in video frames (LVSA_WINDOW_SIZE). */
  public static final int WINDOW_VIDEO_FRAMES = 12;

  /** Published number of first frames, in video frames (LVSA_N_FIRST_FRAMES). */
  public static final int FIRST_VIDEO_FRAMES = 4;

  /** Checks that the sizes fit together. */
  public ModelGeometry {
    ropeAxes = List.copyOf(ropeAxes);
    resolutions = List.copyOf(resolutions);
    if (temporalPatch < 1) {
      throw new IllegalArgumentException(
          "temporalPatch of " + name + " must be at least 1, got " + temporalPatch);
    }
    if (ropeAxes.stream().mapToInt(Integer::intValue).sum() != headDim) {
      throw new IllegalArgumentException(
          "ropeAxes of " + name + " must sum to headDim " + headDim + ", got " + ropeAxes);
    }
  }

  /** Pixels per patch, along each side. */
  public int patchPixels() {
    return spatialFactor * patch;
  }

  /**
   * Patches along the height and along the width.
   *
   * @throws IllegalArgumentException if a side is not a multiple of {@link #patchPixels}, naming
   *     the two nearest resolutions that are
   */
  public PatchGrid grid(Resolution resolution) {
    Resolution below = aligned(resolution, RoundingMode.FLOOR);
    Resolution above = aligned(resolution, RoundingMode.CEILING);
    if (!below.equals(above)) {
      boolean tooSmall = below.width() == 0 || below.height() == 0;
      throw new IllegalArgumentException(
          "the sides of "
              + name
              + " must be multiples of "
              + patchPixels()
              + " pixels: "
              + (tooSmall ? "" : below + " or ")
              + above
              + ", got "
              + resolution);
    }
    return new PatchGrid(resolution.height() / patchPixels(), resolution.width() / patchPixels());
  }

  /** The nearest resolution whose sides are multiples of {@link #patchPixels}. */
  public Resolution nearestResolution(Resolution resolution) {
    Resolution nearest = aligned(resolution, RoundingMode.HALF_UP);
    return new Resolution(
        Math.max(nearest.width(), patchPixels()), Math.max(nearest.height(), patchPixels()));
  }

  private Resolution aligned(Resolution resolution, RoundingMode mode) {
    return new Resolution(
        aligned(resolution.width(), patchPixels(), mode),
        aligned(resolution.height(), patchPixels(), mode));
  }

  private static int aligned(int value, int unit, RoundingMode mode) {
    return switch (mode) {
      case FLOOR -> value / unit * unit;
      case CEILING -> Math.multiplyExact(Math.ceilDiv(value, unit), unit);
      default -> Math.toIntExact((value + unit / 2L) / unit * unit);
    };
  }

  /**
   * Video frames that one further latent frame stands for, as the transformer counts latent frames:
   * the VAE's temporal factor times the frames of a temporal patch.
   */
  public int videoFramesPerLatentFrame() {
    return Math.multiplyExact(temporalFactor, temporalPatch);
  }

  /**
   * Latent frames of a video, as the transformer counts them (after temporal patching): {@code
   * (videoFrames − 1) / videoFramesPerLatentFrame + 1}.
   *
   * @throws IllegalArgumentException if the video frames are not 1 modulo {@link
   *     #videoFramesPerLatentFrame}, naming the two nearest lengths that are
   */
  public int latentFrames(int videoFrames) {
    int unit = videoFramesPerLatentFrame();
    if (videoFrames < 1) {
      throw new IllegalArgumentException("frames must be at least 1, got " + videoFrames);
    }
    if ((videoFrames - 1) % unit != 0) {
      long below = (videoFrames - 1L) / unit * unit + 1;
      throw new IllegalArgumentException(
          "the frames of "
              + name
              + " must be 1 more than a multiple of "
              + unit
              + ": "
              + below
              + " or "
              + (below + unit)
              + ", got "
              + videoFrames);
    }
    return (videoFrames - 1) / unit + 1;
  }

  /** The nearest number of video frames that {@link #latentFrames} takes; the larger of two. */
  public int nearestFrames(int videoFrames) {
    int unit = videoFramesPerLatentFrame();
    long nearest = (Math.max(videoFrames, 1) - 1L + unit / 2) / unit * unit + 1;
    return Math.toIntExact(nearest <= Integer.MAX_VALUE ? nearest : nearest - unit);
  }

  /**
   * Video frames of so many latent frames: the inverse of {@link #latentFrames}.
   *
   * @throws IllegalArgumentException if there is no latent frame, or the video would be longer than
   *     2^31−1 frames
   */
  public int videoFrames(int latentFrames) {
    long frames = (latentFrames - 1L) * videoFramesPerLatentFrame() + 1;
    if (latentFrames < 1 || frames > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "latent frames must be from 1 to "
              + ((Integer.MAX_VALUE - 1L) / videoFramesPerLatentFrame() + 1)
              + ", got "
              + latentFrames);
    }
    return (int) frames;
  }

  /** The published window in latent frames of this model. */
  public int defaultWindow() {
    return WINDOW_VIDEO_FRAMES / temporalFactor;
  }

  /** The published first frames in latent frames of this model. */
  public int defaultFirstFrames() {
    return FIRST_VIDEO_FRAMES / temporalFactor;
  }

  /** Settings of a pattern for this model, {@linkplain PatternSettings#shrunkToHorizon shrunk}. */
  public PatternSettings pattern(
      int latentFrames,
      int patchesPerFrame,
      int window,
      int firstFrames,
      double sparsityScale,
      OptionalInt keyFrameInterval) {
    return PatternSettings.of(
            latentFrames, patchesPerFrame, window, firstFrames, referenceFrames, sparsityScale)
        .withKeyFrameInterval(keyFrameInterval)
        .shrunkToHorizon();
  }
}
