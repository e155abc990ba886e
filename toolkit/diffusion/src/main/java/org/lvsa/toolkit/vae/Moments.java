// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.Arrays;

/**
 * The normal distribution of latents that a video is encoded to.
 *
 * @param size the latents' size
 * @param mean {@code [channels, frames, height, width]} row-major
 * @param logVariance logarithm of the variance, as mean, within −30 and 20
 */
public record Moments(LatentSize size, float[] mean, float[] logVariance) {
  private static final float LEAST = -30;
  private static final float LARGEST = 20;

  /**
   * The moments that an encoder gives as one tensor.
   *
   * @param both {@code [2 · channels, frames, height, width]}: means, then logarithms of variances,
   *     which are cut off here
   */
  static Moments of(LatentSize size, float[] both) {
    float[] logVariance = Arrays.copyOfRange(both, size.elements(), both.length);
    for (int e = 0; e < logVariance.length; e++) {
      logVariance[e] = Math.clamp(logVariance[e], LEAST, LARGEST);
    }
    return new Moments(size, Arrays.copyOf(both, size.elements()), logVariance);
  }
}
