// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.schedulers.Noise;
import org.lvsa.toolkit.weights.Weights;

/**
 * Prints how long the autoencoder of the published size takes to decode, with random weights. Not a
 * test: run it by its main method on an idle machine, with the height and width of the frames and
 * the number of latent frames.
 */
final class VaeSpeed {
  /** Wan 2.1's. */
  private static final WanVaeConfig PUBLISHED =
      new WanVaeConfig(
          96,
          96,
          List.of(1, 2, 4, 4),
          2,
          List.of(false, true, true),
          16,
          Collections.nCopies(16, 0.0),
          Collections.nCopies(16, 1.0));

  private VaeSpeed() {}

  /** Decodes once. */
  public static void main(String[] args) {
    int height = Integer.parseInt(args[0]);
    int width = Integer.parseInt(args[1]);
    LatentSize size = new LatentSize(16, Integer.parseInt(args[2]), height / 8, width / 8);
    System.out.printf(
        Locale.ROOT,
        "%dx%d by %s, announced memory %.2f GiB%n",
        width,
        height,
        Conv3d.library(),
        AutoencoderKlWan.decodeBytes(PUBLISHED, height, width) / 0x1p30);
    try (AutoencoderKlWan vae =
        new AutoencoderKlWan(
            PUBLISHED, Weights.random(AutoencoderKlWan.shapes(PUBLISHED), 1), false)) {
      long[] last = {System.nanoTime()};
      vae.decode(
          Noise.normal(1, size.elements()),
          size,
          (first, frames) -> {
            long now = System.nanoTime();
            System.out.printf(
                Locale.ROOT,
                "frames from %d: %d in %.2f s%n",
                first,
                frames.frames(),
                (now - last[0]) / 1e9);
            last[0] = now;
          });
    }
  }
}
