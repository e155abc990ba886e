// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.decoder;

import java.util.List;
import java.util.stream.IntStream;

/**
 * The sizes of a decoder of CogVideoX's kind (Yang et al. 2024): causal convolutions, and norms of
 * groups of channels over all frames that are decoded together, whose factors and terms are made of
 * the latents.
 *
 * @param latentChannels of a latent pixel
 * @param groups of channels that the norms take together
 * @param levels from the lowest resolution, whose channels the first layers have too, to the
 *     highest; each but the last leads to twice the rows and columns
 * @param outChannels of a decoded pixel
 */
public record CogVideoXDecoderShape(
    int latentChannels, int groups, List<Level> levels, int outChannels) implements DecoderShape {
  /** Latent frames that are decoded together; the first ones are one more where one is over. */
  private static final int STRETCH = 2;

  /**
   * The blocks of one resolution.
   *
   * @param channels that its residual blocks give
   * @param resnets residual blocks
   * @param time whether the way to the next resolution doubles the frames too
   */
  public record Level(int channels, int resnets, boolean time) {}

  @Override
  public int scale() {
    return 1 << (levels.size() - 1);
  }

  @Override
  public int frames() {
    return 1 << levels.stream().filter(Level::time).count();
  }

  /** The lengths are part of the model, since norms are taken over them. */
  @Override
  public List<Stretch> stretches(int latentFrames) {
    int count = Math.max(latentFrames / STRETCH, 1);
    int first = latentFrames - (count - 1) * STRETCH;
    return IntStream.range(0, count).mapToObj(i -> stretch(i == 0 ? first : STRETCH)).toList();
  }

  private Stretch stretch(int latentFrames) {
    int decoded = latentFrames;
    for (Level level : levels) {
      decoded = level.time() ? doubled(decoded, false) : decoded;
    }
    return new Stretch(latentFrames, decoded);
  }

  /** Of an odd number of frames the first one stays one. */
  @Override
  public int doubled(int count, boolean first) {
    return 2 * count - count % 2;
  }
}
