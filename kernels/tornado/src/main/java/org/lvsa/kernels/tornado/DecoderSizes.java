// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;
import org.lvsa.kernels.tornado.DecoderStep.AddChannels;
import org.lvsa.kernels.tornado.DecoderStep.AddRepeated;
import org.lvsa.kernels.tornado.DecoderStep.Attention;
import org.lvsa.kernels.tornado.DecoderStep.Conv;
import org.lvsa.kernels.tornado.DecoderStep.Norm;
import org.lvsa.kernels.tornado.DecoderStep.Place;
import org.lvsa.kernels.tornado.DecoderStep.Remember;
import org.lvsa.kernels.tornado.DecoderStep.RepeatFrames;
import org.lvsa.kernels.tornado.DecoderStep.Tell;
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
 * @param scores of the attention, or of its keys or values if those are more
 * @param groups of what norms of groups of channels need
 */
record DecoderSizes(
    Map<Place, Long> volumes,
    long seen,
    long columns,
    long products,
    long kept,
    long attention,
    long scores,
    Groups groups) {
  /**
   * Numbers of elements of what norms of groups of channels need.
   *
   * @param latents as products see them
   * @param told factors and terms that are made of them
   * @param sums of slices of the groups, float32
   * @param scales of channels, float32
   */
  record Groups(long latents, long told, long sums, long scales) {
    private static final Groups NONE = new Groups(1, 1, 1, 1);

    private Groups with(Tell tell) {
      return new Groups(tell.size().pixels() * tell.channels(), told, sums, scales);
    }

    private Groups with(Norm.OfGroups norm, int channels) {
      return new Groups(
          latents,
          Math.max(told, norm.latents().pixels() * 2 * channels),
          Math.max(sums, 2L * norm.groups() * FloatDecoderKernels.SLICES),
          Math.max(scales, 3L * channels));
    }
  }

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
    long scores = 0;
    Groups groups = Groups.NONE;
    for (DecoderStep step : steps) {
      switch (step) {
        case Conv conv -> {
          long in = conv.seenPixels() * conv.kernel().in();
          grow(volumes, conv.from(), in);
          grow(volumes, conv.to(), conv.size().pixels() * conv.kernel().out());
          if (conv.norm().orElse(null) instanceof Norm.OfGroups norm) {
            groups = groups.with(norm, conv.kernel().in());
          }
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
          long pixels = its.size().framePixels();
          scores = Math.max(pixels * pixels * its.frames(), its.seenElements());
        }
        case Remember remember ->
            grow(volumes, Place.BEGIN, remember.size().pixels() * remember.channels());
        case AddRepeated add -> grow(volumes, add.to(), add.size().pixels() * add.channels());
        case AddChannels add -> grow(volumes, add.to(), add.size().pixels() * add.channels());
        case Unpack unpack ->
            grow(volumes, unpack.to(), unpack.size().pixels() * unpack.channels());
        case Tell tell -> groups = groups.with(tell);
        case RepeatFrames repeat ->
            grow(volumes, repeat.to(), repeat.size().pixels() * repeat.channels());
      }
    }
    return new DecoderSizes(volumes, seen, columns, products, kept, attention, scores, groups);
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

  /** Numbers of the largest array, but for weights. */
  long largest() {
    return LongStream.concat(
            volumes.values().stream().mapToLong(Long::longValue),
            LongStream.of(seen, columns, products, scores, groups.told()))
        .max()
        .orElseThrow();
  }

  /**
   * Device memory of all buffers.
   *
   * @param elementBytes of what convolutions read
   */
  long bytes(int elementBytes) {
    long floats = volumes.values().stream().mapToLong(Long::longValue).sum();
    long elements = seen + columns + products + kept + attention + groups.latents() + groups.told();
    return (floats + groups.sums() + groups.scales()) * Float.BYTES + elements * elementBytes;
  }
}
