// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.input;

import java.util.Arrays;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Resolution;

/**
 * Describes every patch of every latent frame by its pixels. The video frames that a latent frame
 * stands for are averaged; the first latent frame stands for one video frame alone, as in a causal
 * video VAE. Each patch is read as {@value #CELLS} × {@value #CELLS} cells of mean red, green and
 * blue. Each of these values is centred over the whole video.
 */
final class PatchFeatures {
  /** Cells along each side of a patch. */
  static final int CELLS = 8;

  /** Values of one patch. */
  static final int SIZE = CELLS * CELLS * 3;

  private PatchFeatures() {}

  /** Every cell is two pixels wide, whatever the model's patch is: frames are scaled to that. */
  private static final int SIDE = 2 * CELLS;

  /**
   * Bytes of Java heap that {@link #read} takes: the features, and one frame of pixels.
   *
   * @throws ArithmeticException if an array would have to hold more elements than it can
   */
  static long bytes(int latentFrames, int patches) {
    long perFrame = Math.toIntExact(Math.multiplyExact((long) patches, SIZE));
    long pixels = Math.toIntExact(Math.multiplyExact((long) patches, 3L * SIDE * SIDE));
    return Math.addExact(
        Math.multiplyExact(Math.multiplyExact(perFrame, Float.BYTES), latentFrames), pixels);
  }

  /**
   * Reads a video's features.
   *
   * @param videoFramesPerLatentFrame video frames that each latent frame but the first stands for
   * @return {@code [latentFrames][patches · SIZE]}
   */
  static float[][] read(
      VideoFrames video, int latentFrames, int videoFramesPerLatentFrame, PatchGrid grid) {
    Resolution size = new Resolution(grid.columns() * SIDE, grid.rows() * SIDE);
    float[][] features = new float[latentFrames][grid.patches() * SIZE];
    int videoFrames =
        Math.addExact(Math.multiplyExact(latentFrames - 1, videoFramesPerLatentFrame), 1);
    video.read(
        videoFrames,
        size,
        (index, rgb) -> {
          int latent = index == 0 ? 0 : (index - 1) / videoFramesPerLatentFrame + 1;
          float weight = (latent == 0 ? 1f : 1f / videoFramesPerLatentFrame) / (4 * 255);
          add(features[latent], grid, rgb, weight);
        });
    centre(features);
    return features;
  }

  private static void add(float[] features, PatchGrid grid, byte[] rgb, float weight) {
    int width = grid.columns() * SIDE;
    for (int y = 0; y < grid.rows() * SIDE; y++) {
      for (int x = 0; x < width; x++) {
        int patch = y / SIDE * grid.columns() + x / SIDE;
        int cell = y % SIDE / 2 * CELLS + x % SIDE / 2;
        int to = patch * SIZE + cell * 3;
        int from = (y * width + x) * 3;
        for (int channel = 0; channel < 3; channel++) {
          features[to + channel] += weight * Byte.toUnsignedInt(rgb[from + channel]);
        }
      }
    }
  }

  private static void centre(float[][] features) {
    double[] mean = new double[SIZE];
    for (float[] frame : features) {
      for (int i = 0; i < frame.length; i++) {
        mean[i % SIZE] += frame[i];
      }
    }
    double patches = (double) features.length * features[0].length / SIZE;
    Arrays.setAll(mean, i -> mean[i] / patches);
    for (float[] frame : features) {
      for (int i = 0; i < frame.length; i++) {
        frame[i] -= (float) mean[i % SIZE];
      }
    }
  }
}
