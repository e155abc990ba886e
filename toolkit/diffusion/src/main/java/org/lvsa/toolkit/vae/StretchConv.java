// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.ReplicatePadding.RowChange;
import org.lvsa.toolkit.layers.Volume;

/**
 * A convolution that sees earlier frames and no later ones, and keeps of each stretch of video what
 * the next one needs. Families differ in what they see before the first frame and beyond a frame's
 * border.
 */
sealed interface StretchConv extends AutoCloseable permits CausalConv, ReplicateConv {
  /**
   * Makes the input of {@link #apply}: the earlier frames that were kept, and then these.
   *
   * @param change what happens to the pixels of {@code x} on the way
   */
  Volume input(Run run, Volume x, RowChange change);

  /**
   * Computes the convolution, keeps the last frames of the input and gives its memory back.
   *
   * @param add whether the result is added to {@code out}
   */
  void apply(Run run, Volume input, Volume out, boolean add);

  /** Channels of the result. */
  int outChannels();

  @Override
  void close();
}
