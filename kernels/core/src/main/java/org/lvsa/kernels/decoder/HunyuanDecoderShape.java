// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.decoder;

import java.util.List;
import java.util.Optional;

/**
 * The sizes of a decoder of HunyuanVideo 1.5's kind (Tencent 2025): causal convolutions that see
 * the nearest pixel beyond a border, an attention at the lowest resolution to all earlier frames
 * too, and steps to twice the rows and columns that make pixels of channels (Chen et al. 2024).
 *
 * @param latentChannels of a latent pixel
 * @param channels at the lowest resolution
 * @param levels from the lowest resolution to the highest
 * @param outChannels of a decoded pixel
 */
public record HunyuanDecoderShape(
    int latentChannels, int channels, List<Level> levels, int outChannels) implements DecoderShape {
  /**
   * The blocks of one resolution.
   *
   * @param channels that its residual blocks give
   * @param resnets residual blocks
   * @param up the way to the next resolution; empty at the last
   */
  public record Level(int channels, int resnets, Optional<Up> up) {}

  /**
   * The way to twice the rows and columns.
   *
   * @param out channels behind it
   * @param time whether it doubles the frames too
   */
  public record Up(int out, boolean time) {}

  @Override
  public int frames() {
    return 1 << levels.stream().flatMap(level -> level.up().stream()).filter(Up::time).count();
  }

  @Override
  public int scale() {
    return 1 << levels.stream().filter(level -> level.up().isPresent()).count();
  }
}
