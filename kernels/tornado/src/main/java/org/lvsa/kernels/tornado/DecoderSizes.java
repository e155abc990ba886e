// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.lvsa.kernels.tornado.DecoderStep.AddChannels;
import org.lvsa.kernels.tornado.DecoderStep.AddRepeated;
import org.lvsa.kernels.tornado.DecoderStep.Attention;
import org.lvsa.kernels.tornado.DecoderStep.Conv;
import org.lvsa.kernels.tornado.DecoderStep.Place;
import org.lvsa.kernels.tornado.DecoderStep.Remember;
import org.lvsa.kernels.tornado.DecoderStep.Unpack;

/**
 * Numbers of elements of a decoder's buffers.
 *
 * @param volumes of each place, float32
 * @param seen what a convolution sees, once
 * @param columns what some pixels of a convolution's result are made of
 * @param products of a matrix product
 * @param kept of all convolutions together
 * @param attention of all buffers of the attention together
 */
record DecoderSizes(
    Map<Place, Long> volumes, long seen, long columns, long products, long kept, long attention) {

  /**
   * The sizes of some steps.
   *
   * @param convolutions how they are computed
   */
  static DecoderSizes of(List<DecoderStep> steps, Convolutions convolutions) {
    Map<Place, Long> volumes = new EnumMap<>(Place.class);
    long seen = 1;
    long columns = 1;
    long products = 1;
    long kept = 0;
    long attention = 0;
    for (DecoderStep step : steps) {
      switch (step) {
        case Conv conv -> {
          long in = conv.seenPixels() * conv.kernel().in();
          grow(volumes, conv.from(), in);
          grow(volumes, conv.to(), conv.size().pixels() * conv.kernel().out());
          Optional<ImplicitConv> implicit = convolutions.implicit(conv);
          if (implicit.isPresent()) {
            seen = Math.max(seen, implicit.get().seenElements());
            kept += implicit.get().keptElements();
          } else {
            seen = Math.max(seen, in);
            long piece = convolutions.piece(conv);
            if (!conv.isProduct()) {
              columns = Math.max(columns, piece * conv.kernel().columns());
            }
            products = Math.max(products, piece * conv.kernel().padded());
            if (conv.kernel().frames() > 1) {
              kept += conv.keptElements();
            }
          }
        }
        case Attention its -> {
          long volume = its.size().pixels() * its.channels();
          seen = Math.max(seen, volume);
          products = Math.max(products, volume);
          attention += attention(its);
        }
        case Remember remember ->
            grow(volumes, Place.BEGIN, remember.size().pixels() * remember.channels());
        case AddRepeated add -> grow(volumes, add.to(), add.size().pixels() * add.channels());
        case AddChannels add -> grow(volumes, add.to(), add.size().pixels() * add.channels());
        case Unpack unpack ->
            grow(volumes, unpack.to(), unpack.size().pixels() * unpack.channels());
      }
    }
    return new DecoderSizes(volumes, seen, columns, products, kept, attention);
  }

  private static void grow(Map<Place, Long> volumes, Place place, long elements) {
    volumes.merge(place, elements, Math::max);
  }

  /**
   * Elements of an attention's buffers: a frame's queries, keys and values; the scores with a bias
   * of zeros; the keys and values of all frames, if there are several.
   */
  private static long attention(Attention its) {
    long pixels = its.size().framePixels();
    return 3 * pixels * its.channels()
        + (pixels + 1) * its.frames() * pixels
        + (its.frames() > 1 ? 2 * its.seenElements() : 0);
  }

  /**
   * Device memory of all buffers.
   *
   * @param elementBytes of what convolutions read
   */
  long bytes(int elementBytes) {
    long floats = volumes.values().stream().mapToLong(Long::longValue).sum();
    return floats * Float.BYTES + (seen + columns + products + kept + attention) * elementBytes;
  }
}
