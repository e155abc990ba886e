// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Optional;
import org.lvsa.kernels.tornado.DecoderStep.Conv;

/**
 * How a decoder's convolutions are computed.
 *
 * @param road to their result
 * @param mostColumns elements of the largest matrix of columns, if a pixel takes no more
 */
record Convolutions(Road road, int mostColumns) {
  /** The road to a convolution's result. */
  enum Road {
    /** A matrix of what each pixel sees is written, and multiplied with the weights. */
    COLUMNS,
    /**
     * {@link ImplicitConvKernels}, in fp16 on tensor cores; columns for the convolutions that those
     * cannot compute.
     */
    IMPLICIT
  }

  /** Half of what TornadoVM can count in an array. */
  private static final int MOST_COLUMNS = 1 << 30;

  /** With columns, which every type of activations can have. */
  static final Convolutions WITH_COLUMNS = of(Road.COLUMNS);

  /**
   * The ones that are taken where nobody names a road: without columns where the activations allow
   * it. On an H100 Wan's decoder then takes 2.4 s for 81 frames, and 4.2 s with columns.
   */
  static Convolutions of(DecoderActivations<?> activations) {
    return of(activations.decoder().implicit().isPresent() ? Road.IMPLICIT : Road.COLUMNS);
  }

  /** With the largest matrix of columns that there is. */
  static Convolutions of(Road road) {
    return new Convolutions(road, MOST_COLUMNS);
  }

  /** Those of a plan among some, whose matrices of columns together take what one may. */
  Convolutions among(int plans) {
    return new Convolutions(road, mostColumns / plans);
  }

  /** The convolution as a kernel computes it without columns, where one does. */
  Optional<ImplicitConv> implicit(Conv conv) {
    return road == Road.IMPLICIT ? ImplicitConv.of(conv) : Optional.empty();
  }

  /** Pixels of a convolution's result that are computed at a time. */
  long piece(Conv conv) {
    long pixels = conv.size().pixels();
    if (conv.isProduct()) {
      return pixels;
    }
    return Math.clamp(mostColumns / conv.kernel().columns(), 1L, pixels);
  }
}
