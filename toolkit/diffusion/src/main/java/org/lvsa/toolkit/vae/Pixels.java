// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Rows;
import org.lvsa.toolkit.layers.Volume;

/** Takes frames as Wan's decoder gives them, and hands them on as pixels cut off at −1 and 1. */
final class Pixels implements FrameSink, AutoCloseable {
  private final int patch;
  private final FrameSink sink;
  private final Workspace workspace = new Workspace();

  /**
   * Before a sink.
   *
   * @param patch pixels along the side of a patch, whose pixels are channels
   * @param sink takes the pixels
   */
  Pixels(int patch, FrameSink sink) {
    this.patch = patch;
    this.sink = sink;
  }

  /** The same of tiles that wait. */
  static DecodedTiles of(int patch, DecodedTiles tiles) {
    return new DecodedTiles() {
      @Override
      public void join(FrameSink sink) {
        try (Pixels pixels = new Pixels(patch, sink)) {
          tiles.join(pixels);
        }
      }

      @Override
      public void close() {
        tiles.close();
      }
    };
  }

  @Override
  public void accept(int first, Volume frames) {
    Volume pixels =
        workspace.take(
            frames.frames(),
            patch * frames.height(),
            patch * frames.width(),
            frames.channels() / (patch * patch));
    if (patch == 1) {
      pixels.copyFrom(frames);
    } else {
      PixelPatches.scatter(frames, patch, pixels);
    }
    clamp(pixels);
    sink.accept(first, pixels);
    workspace.give(pixels);
  }

  @Override
  public void tileDecoded(int done, int tiles) {
    sink.tileDecoded(done, tiles);
  }

  private static void clamp(Volume frames) {
    Rows.map(
        frames.matrix(),
        frames.matrix(),
        (index, pixel) -> {
          for (int e = 0; e < pixel.length; e++) {
            pixel[e] = Math.max(-1, Math.min(1, pixel[e]));
          }
        });
  }

  @Override
  public void close() {
    workspace.close();
  }
}
