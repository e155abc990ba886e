// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;

/** How much memory decoding takes, before anything is allocated. */
final class CogVideoXVaeMemory {
  private CogVideoXVaeMemory() {}

  /**
   * Bytes of the volumes that a {@link Run} of the decoder holds at most, rounded up.
   *
   * @param latentFrames of the video
   * @param height rows of the decoded frames
   * @param width pixels of a row
   */
  static long decodeBytes(CogVideoXVaeConfig config, int latentFrames, int height, int width) {
    int factor = config.spatialFactor();
    long area = Math.ceilDivExact((long) height, factor) * Math.ceilDivExact(width, factor);
    // The first stretch is the longest.
    long frames = CogVideoXVaeConfig.stretches(latentFrames).getFirst();
    long latents = area * frames * config.latentChannels();
    List<Integer> channels = config.channels().reversed();
    long in = channels.getFirst();
    // Frames that convolutions keep for the next stretch, of all levels together.
    long kept = area * 2 * (config.latentChannels() + 4 * in);
    long largest = 0;
    long latentArea = area * frames;
    for (int level = 0; level < channels.size(); level++) {
      long out = channels.get(level);
      long widest = Math.max(in, out);
      kept += area * 2 * (in + (2L * config.resnets() + 1) * out);
      // Input, middle and result of the block that changes the number of channels; the frames that
      // are normed together, with two earlier ones; frames kept before while new ones are.
      long resnet = area * frames * (in == out ? 2 * out : in + 2 * out) + area * 2 * widest;
      long piece = Math.min(area * frames * widest, Run.PIECE_BYTES / Float.BYTES + area * widest);
      resnet += piece + area * 2 * widest + latentArea * 2 * widest;
      largest = Math.max(largest, resnet);
      if (level < channels.size() - 1) {
        long before = area * frames * out;
        if (level < config.temporalLevels()) {
          frames = frames % 2 == 1 ? 2 * frames - 1 : 2 * frames;
        }
        area *= 4;
        largest = Math.max(largest, before + area * out * (frames + 1));
      }
      in = out;
    }
    kept += area * 2 * in;
    return (largest + kept + latents + area * frames * CogVideoXVaeConfig.COLOURS) * Float.BYTES;
  }
}
