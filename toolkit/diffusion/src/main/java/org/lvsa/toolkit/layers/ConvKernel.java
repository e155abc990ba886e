// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

/** One way to compute a convolution whose weights are already in the form that it needs. */
sealed interface ConvKernel extends AutoCloseable permits OneDnnConv, GemmConv {
  /**
   * Computes the convolution.
   *
   * @param in the frames, those kept of earlier stretches included
   * @param zeroFrames frames of zeros in front of them
   * @param out where the result goes, of the size that the geometry gives
   * @param add whether the result is added to what is in {@code out}
   */
  void run(Volume in, int zeroFrames, Volume out, boolean add);

  @Override
  void close();
}
