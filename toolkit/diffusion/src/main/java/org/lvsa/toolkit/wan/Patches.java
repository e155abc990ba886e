// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.Arrays;
import java.util.Locale;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.layers.PatchLayout;
import org.lvsa.toolkit.model.PatchGrid;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Latents as tokens, one per patch, and back. */
final class Patches {
  private final WanConfig.Patch patch;
  private final PatchLayout layout;
  private final int channels;

  /**
   * @param patch its sizes
   * @param channels of the latents
   */
  Patches(WanConfig.Patch patch, int channels) {
    this.patch = patch;
    this.layout =
        new PatchLayout(
            PatchLayout.Axes.CHANNELS_FIRST, patch.frames(), patch.rows(), patch.columns());
    this.channels = channels;
  }

  /**
   * The grid of patches that latents make.
   *
   * @param latents {@code [batch, channels, frames, rows, columns]}
   * @throws IllegalArgumentException if they have other channels or do not divide into patches
   */
  VideoGrid grid(INDArray latents) {
    PatchLayout.Patches patches = layout.patches(latents);
    if (patches == null || layout.channels(latents) != channels) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "latents must be [batch, %d, frames, rows, columns], the last three multiples of %d, %d and %d, got %s",
              channels,
              patch.frames(),
              patch.rows(),
              patch.columns(),
              Arrays.toString(latents.shape())));
    }
    return new VideoGrid(patches.frames(), new PatchGrid(patches.rows(), patches.columns()));
  }

  /**
   * The values of each patch: channel by channel, in each frame by frame and row by row.
   *
   * @return {@code [batch, tokens, channels · patch]}
   */
  INDArray gather(INDArray latents) {
    grid(latents);
    return layout.gather(latents, PatchLayout.Order.CHANNEL_FIRST);
  }

  /**
   * Puts patches back in place.
   *
   * @param tokens {@code [batch, tokens, patch · channels]}: value by value of the patch, in each
   *     channel by channel
   * @return latents {@code [batch, channels, frames, rows, columns]}
   */
  INDArray scatter(INDArray tokens, VideoGrid grid) {
    return layout.scatter(
        tokens,
        new PatchLayout.Patches(grid.frames(), grid.patches().rows(), grid.patches().columns()),
        PatchLayout.Order.CHANNEL_LAST);
  }
}
