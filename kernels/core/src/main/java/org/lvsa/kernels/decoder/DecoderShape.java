// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.decoder;

import java.util.List;
import java.util.stream.IntStream;

/**
 * The sizes of a decoder, which with the names of its family's tensors say what it computes: a
 * device writes down the steps of each family.
 */
public sealed interface DecoderShape
    permits WanDecoderShape, HunyuanDecoderShape, CogVideoXDecoderShape {
  /** Channels of a latent pixel. */
  int latentChannels();

  /** Channels of a decoded pixel. */
  int outChannels();

  /** Rows, and columns, that one of the latents becomes. */
  int scale();

  /** Frames that a latent frame becomes; the first one of a video becomes one. */
  int frames();

  /** How a video's latent frames are decoded: some at a time, in order. */
  default List<Stretch> stretches(int latentFrames) {
    return IntStream.range(0, latentFrames)
        .mapToObj(t -> new Stretch(1, t == 0 ? 1 : frames()))
        .toList();
  }

  /**
   * Frames that some become where frames are doubled.
   *
   * @param count how many come in
   * @param first whether they begin a video
   */
  default int doubled(int count, boolean first) {
    return first ? count : 2 * count;
  }

  /**
   * Latent frames that are decoded together.
   *
   * @param latentFrames how many
   * @param frames that they become
   */
  record Stretch(int latentFrames, int frames) {}
}
