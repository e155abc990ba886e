// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.model;

import java.util.List;
import java.util.OptionalInt;
import org.lvsa.toolkit.pattern.Frames;
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

  /** A geometry holds together. */
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

  /** Pixels of a patch, along each side. */
  public int patchPixels() {
    return spatialFactor * patch;
  }

  /** Patches along the height and along the width. */
  public PatchGrid grid(Resolution resolution) {
    PatchGrid grid =
        new PatchGrid(
            resolution.height() / spatialFactor / patch,
            resolution.width() / spatialFactor / patch);
    if (grid.patches() == 0) {
      throw new IllegalArgumentException(
          "resolution must be at least "
              + patchPixels()
              + "x"
              + patchPixels()
              + " for "
              + name
              + ", got "
              + resolution);
    }
    return grid;
  }

  /**
   * Latent frames of a video, as the transformer sees them: {@code ceil(((videoFrames − 1) /
   * temporalFactor + 1) / temporalPatch)}.
   *
   * @throws IllegalArgumentException if there is no frame
   */
  public int latentFrames(int videoFrames) {
    if (videoFrames < 1) {
      throw new IllegalArgumentException("frames must be at least 1, got " + videoFrames);
    }
    return Math.ceilDiv(Frames.latent(videoFrames, temporalFactor), temporalPatch);
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
