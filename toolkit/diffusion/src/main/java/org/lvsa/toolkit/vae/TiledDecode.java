// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.Volume;

/**
 * One video decoded in tiles. Tiles wait in a temporary file, which has no name any more while it
 * is used and so cannot stay behind.
 */
final class TiledDecode implements AutoCloseable {
  private final WanVaeConfig config;
  private final LatentSize size;
  private final Tiling tiling;

  /** Pixels that the decoder gives for a latent one along a side; each may be a patch of pixels. */
  private final int scale;

  private final List<List<Tile>> rows = new ArrayList<>();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment scratch;

  /**
   * A part of the frame.
   *
   * @param top first latent row
   * @param left first latent pixel of a row
   * @param height latent rows
   * @param width latent pixels of a row
   * @param offset where the tile's frames begin in the temporary file
   */
  private record Tile(int top, int left, int height, int width, long offset) {}

  TiledDecode(WanVaeConfig config, LatentSize size, Tiling tiling) {
    this.config = config;
    this.size = size;
    this.tiling = tiling;
    int factor = config.spatialFactor();
    this.scale = factor / config.patch();
    for (int pixels :
        new int[] {
          tiling.tileHeight(), tiling.tileWidth(), tiling.strideHeight(), tiling.strideWidth()
        }) {
      if (pixels % factor != 0) {
        throw new IllegalArgumentException(
            "sizes of tiles and the ways between them must be multiples of "
                + factor
                + " pixels, got "
                + pixels);
      }
    }
    long offset = 0;
    for (int top = 0; top < size.height(); top += tiling.strideHeight() / factor) {
      List<Tile> row = new ArrayList<>();
      for (int left = 0; left < size.width(); left += tiling.strideWidth() / factor) {
        int height = Math.min(tiling.tileHeight() / factor, size.height() - top);
        int width = Math.min(tiling.tileWidth() / factor, size.width() - left);
        Tile tile = new Tile(top, left, height, width, offset);
        row.add(tile);
        offset += config.frames(size.frames()) * frameBytes(tile);
      }
      rows.add(row);
    }
    scratch = map(offset);
  }

  private long frameBytes(Tile tile) {
    return (long) tile.height()
        * tile.width()
        * scale
        * scale
        * config.patchChannels()
        * Float.BYTES;
  }

  private MemorySegment map(long bytes) {
    try {
      Path file = Files.createTempFile("lvsa-tiles", ".tmp");
      try (FileChannel channel =
          FileChannel.open(
              file,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE)) {
        return channel.map(MapMode.READ_WRITE, 0, bytes, arena);
      }
    } catch (IOException e) {
      arena.close();
      throw new UncheckedIOException(
          "no temporary file of " + bytes + " bytes for the tiles: " + e.getMessage(), e);
    }
  }

  /** Decodes every tile over all frames. */
  void decode(WanDecoder decoder, float[] latents, FrameSink progress) {
    int tiles = rows.size() * rows.getFirst().size();
    int done = 0;
    for (List<Tile> row : rows) {
      for (Tile tile : row) {
        decode(decoder, latents, tile);
        done++;
        progress.tileDecoded(done, tiles);
      }
    }
  }

  private void decode(WanDecoder decoder, float[] latents, Tile tile) {
    try (Run run = new Run(decoder.slots(), Observer.NONE, "dec")) {
      long to = tile.offset();
      for (int t = 0; t < size.frames(); t++) {
        Volume latent = run.workspace.take(1, tile.height(), tile.width(), size.channels());
        latent.copyFromChannelsFirst(
            latents, size.frames(), t, size.height(), tile.top(), size.width(), tile.left());
        Volume frames = decoder.decode(run, latent);
        MemorySegment.copy(frames.memory(), 0, scratch, to, frames.memory().byteSize());
        to += frames.memory().byteSize();
        run.workspace.give(frames);
      }
    }
  }

  /** Blends the tiles of each frame and hands the frame over. */
  void join(FrameSink sink) {
    try (Arena ofFrame = Arena.ofShared()) {
      int height = size.height() * scale;
      int width = size.width() * scale;
      Volume whole = Volume.allocate(ofFrame, 1, height, width, config.patchChannels());
      int patch = config.patch();
      Volume pixels =
          patch == 1
              ? whole
              : Volume.allocate(ofFrame, 1, patch * height, patch * width, WanVaeConfig.COLOURS);
      for (int frame = 0; frame < config.frames(size.frames()); frame++) {
        for (int r = 0; r < rows.size(); r++) {
          for (int c = 0; c < rows.get(r).size(); c++) {
            Volume tile = volume(rows.get(r).get(c), frame);
            // A neighbour is blended with its own neighbours already, as in the published code.
            if (r > 0) {
              blendRows(volume(rows.get(r - 1).get(c), frame), tile);
            }
            if (c > 0) {
              blendColumns(volume(rows.get(r).get(c - 1), frame), tile);
            }
            place(tile, rows.get(r).get(c), whole);
          }
        }
        if (patch > 1) {
          PixelPatches.scatter(whole, patch, pixels);
        }
        AutoencoderKlWan.clamp(pixels);
        sink.accept(frame, pixels);
      }
    }
  }

  private Volume volume(Tile tile, int frame) {
    return new Volume(
        scratch.asSlice(tile.offset() + frame * frameBytes(tile), frameBytes(tile)),
        1,
        tile.height() * scale,
        tile.width() * scale,
        config.patchChannels());
  }

  private void blendRows(Volume above, Volume tile) {
    int shared =
        Math.min(tiling.overlapHeight() / config.patch(), Math.min(above.height(), tile.height()));
    int length = tile.width() * tile.channels();
    for (int y = 0; y < shared; y++) {
      float[] theirs = read(above, above.height() - shared + y, 0, length);
      float[] ours = read(tile, y, 0, length);
      float share = (float) ((double) y / shared);
      float rest = (float) (1 - (double) y / shared);
      for (int e = 0; e < length; e++) {
        ours[e] = theirs[e] * rest + ours[e] * share;
      }
      write(ours, tile, y, 0);
    }
  }

  private void blendColumns(Volume before, Volume tile) {
    int shared =
        Math.min(tiling.overlapWidth() / config.patch(), Math.min(before.width(), tile.width()));
    int length = shared * tile.channels();
    for (int y = 0; y < tile.height(); y++) {
      float[] theirs = read(before, y, before.width() - shared, length);
      float[] ours = read(tile, y, 0, length);
      for (int e = 0; e < length; e++) {
        double share = (double) (e / tile.channels()) / shared;
        ours[e] = theirs[e] * (float) (1 - share) + ours[e] * (float) share;
      }
      write(ours, tile, y, 0);
    }
  }

  /** Copies the part of a tile that no later tile covers. */
  private void place(Volume tile, Tile at, Volume whole) {
    int height = Math.min(tile.height(), tiling.strideHeight() / config.patch());
    int length = Math.min(tile.width(), tiling.strideWidth() / config.patch()) * tile.channels();
    for (int y = 0; y < height; y++) {
      write(read(tile, y, 0, length), whole, at.top() * scale + y, at.left() * scale);
    }
  }

  private static float[] read(Volume volume, int y, int x, int length) {
    float[] values = new float[length];
    MemorySegment.copy(
        volume.memory(), ValueLayout.JAVA_FLOAT, at(volume, y, x), values, 0, length);
    return values;
  }

  private static void write(float[] values, Volume volume, int y, int x) {
    MemorySegment.copy(
        values, 0, volume.memory(), ValueLayout.JAVA_FLOAT, at(volume, y, x), values.length);
  }

  private static long at(Volume volume, int y, int x) {
    return ((long) y * volume.width() + x) * volume.channels() * Float.BYTES;
  }

  @Override
  public void close() {
    arena.close();
  }
}
