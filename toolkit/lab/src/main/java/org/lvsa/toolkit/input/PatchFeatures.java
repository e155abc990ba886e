// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.input;

import java.util.Arrays;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Resolution;

/**
 * Describes every patch of every latent frame by its pixels: the video frames that a latent frame
 * stands for are averaged (the first stands alone, as in a causal video VAE), and each patch is
 * read as {@value #CELLS} × {@value #CELLS} cells of mean red, green and blue. Each of the values
 * is centred over the whole video.
 */
final class PatchFeatures {
  /** Cells along each side of a patch. */
  static final int CELLS = 8;

  /** Values of one patch. */
  static final int SIZE = CELLS * CELLS * 3;

  private PatchFeatures() {}

  /**
   * Reads a video's features.
   *
   * @return {@code [latentFrames · patches][SIZE]}, flat
   */
  static float[] read(VideoFrames video, int latentFrames, int temporalFactor, PatchGrid grid) {
    // Every cell is two pixels wide, whatever the model's patch is: the frame is scaled to that.
    int side = 2 * CELLS;
    Resolution size = new Resolution(grid.columns() * side, grid.rows() * side);
    float[] features = new float[Math.toIntExact((long) latentFrames * grid.patches() * SIZE)];
    int videoFrames = (latentFrames - 1) * temporalFactor + 1;
    video.read(
        videoFrames,
        size,
        (index, rgb) -> {
          int latent = index == 0 ? 0 : (index - 1) / temporalFactor + 1;
          float weight = (latent == 0 ? 1f : 1f / temporalFactor) / (4 * 255);
          add(features, latent * grid.patches(), grid, rgb, weight);
        });
    centre(features);
    return features;
  }

  private static void add(
      float[] features, int firstPatch, PatchGrid grid, byte[] rgb, float weight) {
    int side = 2 * CELLS;
    int width = grid.columns() * side;
    for (int y = 0; y < grid.rows() * side; y++) {
      for (int x = 0; x < width; x++) {
        int patch = firstPatch + y / side * grid.columns() + x / side;
        int cell = y % side / 2 * CELLS + x % side / 2;
        int to = patch * SIZE + cell * 3;
        int from = (y * width + x) * 3;
        for (int channel = 0; channel < 3; channel++) {
          features[to + channel] += weight * Byte.toUnsignedInt(rgb[from + channel]);
        }
      }
    }
  }

  private static void centre(float[] features) {
    double[] mean = new double[SIZE];
    for (int i = 0; i < features.length; i++) {
      mean[i % SIZE] += features[i];
    }
    Arrays.setAll(mean, i -> mean[i] / ((double) features.length / SIZE));
    for (int i = 0; i < features.length; i++) {
      features[i] -= (float) mean[i % SIZE];
    }
  }
}
