// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.stream.IntStream;
import org.lvsa.kernels.tornado.DecoderStep.Conv;
import org.lvsa.kernels.tornado.DecoderStep.Into;
import org.lvsa.kernels.tornado.DecoderStep.Kernel;

/**
 * A convolution that {@link ImplicitConvKernels} compute, and the sizes of its memory.
 *
 * @param width result channels of a tile
 */
record ImplicitConv(Conv conv, int width) {
  /** In the order in which they are tried: two work-groups of the first share a multiprocessor. */
  private static final int[] WIDTHS = {96, 128, 64, 32, 16, 8};

  /**
   * The convolution, if the kernels can compute it: whole steps of input channels, and more than a
   * pixel for each pixel. It takes the first of the widths that divide the channels of each frame
   * of its result.
   */
  static Optional<ImplicitConv> of(Conv conv) {
    Kernel kernel = conv.kernel();
    if (conv.isProduct() || kernel.in() % ImplicitConvKernels.STEP != 0) {
      return Optional.empty();
    }
    int channels = conv.into() == Into.TWO_FRAMES ? kernel.out() / 2 : kernel.padded();
    if (conv.into() == Into.TWO_FRAMES && channels % 8 != 0) {
      return Optional.empty();
    }
    int width = IntStream.of(WIDTHS).filter(one -> channels % one == 0).findFirst().orElseThrow();
    return Optional.of(new ImplicitConv(conv, width));
  }

  private Kernel kernel() {
    return conv.kernel();
  }

  /** Earlier frames that stand in front of what it sees. */
  int lead() {
    return kernel().frames() - 1;
  }

  /** Pixels of zeros at each side of a frame. */
  int border() {
    return kernel().side() / 2;
  }

  /** Rows of a frame with its border. */
  int rows() {
    return conv.size().rows() + 2 * border();
  }

  /** Columns of a frame with its border. */
  int columns() {
    return conv.size().columns() + 2 * border();
  }

  /** Pixels of a frame's border. */
  int edge() {
    return Math.multiplyExact(rows(), columns()) - conv.size().framePixels();
  }

  /** Elements of a frame with its border. */
  private long frameElements() {
    return (long) rows() * columns() * kernel().in();
  }

  /** Elements of all that it sees at a time. */
  long seenElements() {
    return (lead() + conv.size().frames()) * frameElements();
  }

  /** Elements of the frames that it keeps. */
  long keptElements() {
    return lead() * frameElements();
  }

  /** Units of two channels of a frame with its border. */
  int frameUnits() {
    return Math.toIntExact(frameElements() / 2);
  }

  private int steps() {
    return kernel().columns() / ImplicitConvKernels.STEP;
  }

  /** Elements of the weights in the order of {@link #weights}. */
  long weightElements() {
    return (long) steps() * ImplicitConvKernels.STEP * kernel().padded();
  }

  /**
   * The weights in the order in which work-groups read them: for each tile of result channels, each
   * step of input channels of a tap, each 16 of those and each 8 result channels a block {@code
   * [16, 8]}.
   *
   * @param rows {@code [padded, taps, in]}, float32
   * @param arena for the result
   */
  MemorySegment weights(MemorySegment rows, Arena arena) {
    MemorySegment ordered = arena.allocate(weightElements() * Float.BYTES, 64);
    int inputs = kernel().columns();
    int stepElements = ImplicitConvKernels.STEP * width;
    IntStream.range(0, kernel().padded())
        .parallel()
        .forEach(
            out -> {
              long tile = (long) (out / width) * steps() * stepElements;
              int block = out % width / 8;
              for (int in = 0; in < inputs; in++) {
                int half = in % ImplicitConvKernels.STEP / 16;
                long at =
                    tile
                        + (long) (in / ImplicitConvKernels.STEP) * stepElements
                        + ((half * width / 8 + block) * 16L + in % 16) * 8
                        + out % 8;
                ordered.setAtIndex(
                    ValueLayout.JAVA_FLOAT,
                    at,
                    rows.getAtIndex(ValueLayout.JAVA_FLOAT, (long) out * inputs + in));
              }
            });
    return ordered;
  }
}
