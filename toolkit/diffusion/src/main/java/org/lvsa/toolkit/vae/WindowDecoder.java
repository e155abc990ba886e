// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.function.Consumer;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.vae.TiledDecode.Decoded;
import org.lvsa.toolkit.vae.TiledDecode.Window;

/**
 * A decoder of a part of a video's latents, and what it makes of all of them, whole or in tiles.
 */
@FunctionalInterface
interface WindowDecoder {
  /**
   * Decodes a window of all latent frames.
   *
   * @param latents {@code [channels, frames, height, width]}, the whole video's
   * @param sink takes the frames in order; they are valid during the call only
   */
  void decode(
      float[] latents, LatentSize size, Window window, Observer observer, Consumer<Volume> sink);

  /** Decodes whole frames. */
  default void whole(float[] latents, LatentSize size, Observer observer, FrameSink sink) {
    int[] first = {0};
    decode(
        latents,
        size,
        Window.whole(size),
        observer,
        frames -> {
          sink.accept(first[0], frames);
          first[0] += frames.frames();
        });
  }

  /** Decodes in tiles, or whole where frames are no larger than a tile. */
  default void tiled(
      float[] latents, LatentSize size, Tiling tiling, Decoded decoded, FrameSink sink) {
    int factor = decoded.scale();
    if (tiling.holds(size.height() * factor, size.width() * factor)) {
      whole(latents, size, Observer.NONE, sink);
      return;
    }
    try (TiledDecode tiles = new TiledDecode(size, decoded, tiling)) {
      tiles.decode((window, frames) -> decode(latents, size, window, Observer.NONE, frames), sink);
      tiles.join((frame, number) -> sink.accept(number, frame));
    }
  }

  /**
   * Decodes the tiles or patches that ranks divide among them; frames no larger than a tile are
   * decoded whole by the first rank when they are joined.
   */
  default DecodedTiles onRanks(
      float[] latents, LatentSize size, FrameCut cut, Decoded decoded, Communicator ranks) {
    int factor = decoded.scale();
    if (cut instanceof Tiling tiling
        && tiling.holds(size.height() * factor, size.width() * factor)) {
      return ranks.rank() == 0
          ? sink -> whole(latents, size, Observer.NONE, sink)
          : DecodedTiles.sent();
    }
    TiledDecode tiles = TiledDecode.of(size, decoded, cut, ranks.world());
    return tiles.onRanks(
        (window, frames) -> decode(latents, size, window, Observer.NONE, frames),
        ranks,
        sink -> tiles.join((frame, number) -> sink.accept(number, frame)));
  }
}
