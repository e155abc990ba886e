// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;
import org.lvsa.toolkit.layers.Volume;

/**
 * Squares of pixels as single pixels of more channels, and back. The channel of a colour and a
 * place in the square is {@code (colour · patch + column) · patch + row}, as the published
 * autoencoder has it.
 */
final class PixelPatches {
  private PixelPatches() {}

  /**
   * Squares to pixels.
   *
   * @param pixels {@code [frames, height, width, colours]}
   * @param patches {@code [frames, height / patch, width / patch, colours · patch²]}, filled
   */
  static void gather(Volume pixels, int patch, Volume patches) {
    copy(pixels, patch, patches, true);
  }

  /** Pixels back to squares, see {@link #gather}. */
  static void scatter(Volume patches, int patch, Volume pixels) {
    copy(pixels, patch, patches, false);
  }

  private static void copy(Volume pixels, int patch, Volume patches, boolean gather) {
    if (pixels.frames() != patches.frames()
        || pixels.height() != patch * patches.height()
        || pixels.width() != patch * patches.width()
        || patches.channels() != pixels.channels() * patch * patch) {
      throw new IllegalArgumentException("the volumes do not fit squares of " + patch + " pixels");
    }
    int colours = pixels.channels();
    IntStream.range(0, pixels.frames() * pixels.height())
        .parallel()
        .forEach(
            y -> {
              for (int x = 0; x < pixels.width(); x++) {
                long pixel = ((long) y * pixels.width() + x) * colours;
                long square = (long) (y / patch) * patches.width() + x / patch;
                for (int c = 0; c < colours; c++) {
                  long channel = (long) (c * patch + x % patch) * patch + y % patch;
                  long at = square * patches.channels() + channel;
                  if (gather) {
                    float value = pixels.memory().getAtIndex(ValueLayout.JAVA_FLOAT, pixel + c);
                    patches.memory().setAtIndex(ValueLayout.JAVA_FLOAT, at, value);
                  } else {
                    float value = patches.memory().getAtIndex(ValueLayout.JAVA_FLOAT, at);
                    pixels.memory().setAtIndex(ValueLayout.JAVA_FLOAT, pixel + c, value);
                  }
                }
              }
            });
  }
}
