// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;

/** How much memory decoding takes, before anything is allocated. */
final class WanVaeMemory {
  private WanVaeMemory() {}

  /** Bytes of the volumes that a {@link Run} of the decoder holds at most, rounded up. */
  static long decodeBytes(WanVaeConfig config, int height, int width) {
    List<Integer> multiples = config.dimMultiples().reversed();
    List<Boolean> temporal = config.temporalDownsample().reversed();
    long area = (long) height * width;
    long frames = 1;
    long in = (long) config.decoderBaseDim() * multiples.getFirst();
    // The latents, and query, key and value of the attention.
    long floats = area * (5L * config.latentChannels() + 4 * in);
    // The two resnets around the attention.
    floats += area * 8 * in;
    for (int level = 0; level < multiples.size(); level++) {
      long channels = (long) config.decoderBaseDim() * multiples.get(level);
      floats += area * resnets(config.resnets() + 1, in, channels, frames);
      if (level < multiples.size() - 1) {
        long upsample = 4 * channels;
        if (config.residual()) {
          // What goes around the blocks.
          upsample += frames * in;
        }
        if (temporal.get(level)) {
          upsample += 4 * frames * channels + (2 + frames) * channels + 2 * channels;
          frames *= 2;
        }
        floats += area * upsample;
        area *= 4;
        in = config.residual() ? channels : channels / 2;
      } else {
        // The last convolution sees two earlier frames; its result becomes pixels.
        floats += area * (2 * channels + 2 * frames * config.patchChannels());
      }
    }
    return floats * Float.BYTES;
  }

  /**
   * Bytes of the volumes that a {@link Run} of the encoder holds at most, rounded up.
   *
   * @param height rows of what the encoder takes
   * @param width pixels of a row of it
   */
  static long encodeBytes(WanVaeConfig config, int height, int width) {
    long area = (long) height * width;
    long frames = config.temporalFactor();
    long in = config.baseDim();
    int colours = config.patchChannels();
    // The frames, as patches too, and the first convolution, which sees two earlier frames.
    long floats = area * (frames * 2 * colours + (frames + 4) * colours + frames * in);
    for (int level = 0; level < config.dimMultiples().size(); level++) {
      long channels = (long) config.baseDim() * config.dimMultiples().get(level);
      floats += area * resnets(config.resnets(), in, channels, frames);
      if (level < config.temporalDownsample().size()) {
        area /= 4;
        // The smaller frames with one from before, and what goes around.
        floats += area * channels * (2 * frames + 4);
        if (config.temporalDownsample().get(level)) {
          frames = Math.max(1, frames / 2);
        }
      }
      in = channels;
    }
    // Two resnets, between them query, key and value; the moments.
    floats += area * (12 * in + 4 * in + 8L * config.latentChannels());
    return floats * Float.BYTES;
  }

  /** Floats for each pixel of the resnets of one resolution. */
  private static long resnets(int count, long in, long out, long frames) {
    // The block's input and middle, and the input of a convolution with two earlier frames.
    long working = 2 * frames * out + (frames + 2) * out;
    if (in != out) {
      working += frames * in + (frames + 2) * in;
    }
    // Each convolution keeps two frames; the first has another number of channels.
    long kept = 2 * in + 2 * (2L * count - 1) * out;
    // While frames are kept, those kept before are still there.
    return working + kept + 2 * out;
  }
}
