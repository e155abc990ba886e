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
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.ObjIntConsumer;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.parallel.Communicator;

/**
 * One video decoded in tiles or patches. They wait in a temporary file, which has no name any more
 * while it is used and so cannot stay behind.
 */
final class TiledDecode implements AutoCloseable {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  private final LatentSize size;
  private final Decoded decoded;

  /** How tiles go over into one another, in pixels that the decoder gives; empty for patches. */
  private final Optional<Tiling> blending;

  private final List<List<Tile>> rows = new ArrayList<>();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment scratch;

  /**
   * What a decoder makes of latents.
   *
   * @param frames of the whole video
   * @param scale pixels for a latent one along a side
   * @param channels of a pixel
   */
  record Decoded(int frames, int scale, int channels) {}

  /**
   * A part of the latent frames.
   *
   * @param top first latent row
   * @param left first latent pixel of a row
   * @param height latent rows
   * @param width latent pixels of a row
   */
  record Window(int top, int left, int height, int width) {
    /** All of them. */
    static Window whole(LatentSize size) {
      return new Window(0, 0, size.height(), size.width());
    }
  }

  /**
   * A window to decode, and what of it goes into the frame.
   *
   * @param core a part of the window
   */
  record Block(Window window, Window core) {}

  /** Decodes a part of each latent frame. */
  @FunctionalInterface
  interface Decoder {
    /**
     * Decodes all frames of a window, from the first on.
     *
     * @param frames takes them, some at a time; they are valid during the call only
     */
    void decode(Window window, Consumer<Volume> frames);
  }

  /**
   * A window and where its frames wait.
   *
   * @param offset where they begin in the temporary file
   */
  private record Tile(Block block, long offset) {
    Window window() {
      return block.window();
    }
  }

  private TiledDecode(
      LatentSize size, Decoded decoded, Optional<Tiling> blending, List<List<Block>> blocks) {
    this.size = size;
    this.decoded = decoded;
    this.blending = blending;
    long offset = 0;
    for (List<Block> line : blocks) {
      List<Tile> row = new ArrayList<>();
      for (Block block : line) {
        Tile tile = new Tile(block, offset);
        row.add(tile);
        offset += decoded.frames() * frameBytes(tile);
      }
      rows.add(row);
    }
    scratch = map(offset);
  }

  /**
   * Cuts latent frames into tiles.
   *
   * @param tiling in pixels that the decoder gives
   * @throws IllegalArgumentException if its sizes do not divide into latent pixels
   */
  TiledDecode(LatentSize size, Decoded decoded, Tiling tiling) {
    this(size, decoded, Optional.of(tiling), tiling.blocks(size, decoded.scale()));
  }

  /** Cuts latent frames for ranks. */
  static TiledDecode of(LatentSize size, Decoded decoded, FrameCut cut, int ranks) {
    return switch (cut) {
      case Tiling tiling -> new TiledDecode(size, decoded, tiling);
      case RankPatches patches ->
          new TiledDecode(size, decoded, Optional.empty(), patches.blocks(size, ranks));
    };
  }

  private long frameBytes(Tile tile) {
    return (long) tile.window().height()
        * tile.window().width()
        * decoded.scale()
        * decoded.scale()
        * decoded.channels()
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
  void decode(Decoder decoder, FrameSink progress) {
    List<Tile> tiles = rows.stream().flatMap(List::stream).toList();
    for (int i = 0; i < tiles.size(); i++) {
      decode(decoder, tiles.get(i));
      progress.tileDecoded(i + 1, tiles.size());
    }
  }

  private void decode(Decoder decoder, Tile tile) {
    long[] to = {tile.offset()};
    decoder.decode(
        tile.window(),
        frames -> {
          MemorySegment.copy(frames.memory(), 0, scratch, to[0], frames.memory().byteSize());
          to[0] += frames.memory().byteSize();
        });
  }

  /**
   * Decodes every tile over all frames, divided among ranks: the largest tiles first, each to the
   * rank with the least so far. Each rank sends its tiles to the first one. Every rank has to call
   * it.
   */
  void decode(Decoder decoder, Communicator ranks) {
    List<List<Tile>> shares = shares(ranks.world());
    int most = shares.stream().mapToInt(List::size).max().orElse(0);
    for (int round = 0; round < most; round++) {
      float[][] parts = new float[ranks.world()][0];
      int[] lengths = new int[ranks.world()];
      List<Tile> mine = shares.get(ranks.rank());
      if (round < mine.size()) {
        decode(decoder, mine.get(round));
        if (ranks.rank() > 0) {
          parts[0] =
              scratch.asSlice(mine.get(round).offset(), bytes(mine.get(round))).toArray(FLOAT);
        }
      }
      for (int from = 1; ranks.rank() == 0 && from < shares.size(); from++) {
        lengths[from] = round < shares.get(from).size() ? floats(shares.get(from).get(round)) : 0;
      }
      float[][] received = ranks.allToAll(parts, lengths);
      for (int from = 1; ranks.rank() == 0 && from < received.length; from++) {
        if (received[from].length > 0) {
          long at = shares.get(from).get(round).offset();
          MemorySegment.copy(received[from], 0, scratch, FLOAT, at, received[from].length);
        }
      }
    }
  }

  /**
   * Decodes on ranks, and gives the first one what it joins; the others' tiles are freed.
   *
   * @param join puts the tiles together
   */
  DecodedTiles onRanks(Decoder decoder, Communicator ranks, Consumer<FrameSink> join) {
    boolean first = false;
    try {
      decode(decoder, ranks);
      first = ranks.rank() == 0;
    } finally {
      if (!first) {
        close();
      }
    }
    if (!first) {
      return DecodedTiles.sent();
    }
    return new DecodedTiles() {
      @Override
      public void join(FrameSink sink) {
        join.accept(sink);
      }

      @Override
      public void close() {
        TiledDecode.this.close();
      }
    };
  }

  /** The tiles of each rank; a rank more than there are tiles has none. */
  private List<List<Tile>> shares(int ranks) {
    List<List<Tile>> shares = new ArrayList<>();
    long[] loads = new long[ranks];
    for (int rank = 0; rank < ranks; rank++) {
      shares.add(new ArrayList<>());
    }
    rows.stream()
        .flatMap(List::stream)
        .sorted(Comparator.comparingLong(this::frameBytes).reversed())
        .forEach(
            tile -> {
              int least = 0;
              for (int rank = 1; rank < ranks; rank++) {
                least = loads[rank] < loads[least] ? rank : least;
              }
              shares.get(least).add(tile);
              loads[least] += frameBytes(tile);
            });
    return shares;
  }

  private long bytes(Tile tile) {
    return decoded.frames() * frameBytes(tile);
  }

  private int floats(Tile tile) {
    return Math.toIntExact(bytes(tile) / Float.BYTES);
  }

  /** Bytes that a rank after the first sends in {@link #decode(Decoder, Communicator)}. */
  long bytesSent(int rank, int ranks) {
    return shares(ranks).get(rank).stream().mapToLong(this::bytes).sum();
  }

  /**
   * Blends the tiles of each frame and hands the frame over.
   *
   * @param frames takes each whole frame with its number; it is valid during the call only
   */
  void join(ObjIntConsumer<Volume> frames) {
    int scale = decoded.scale();
    try (Arena ofFrame = Arena.ofShared()) {
      Volume whole =
          Volume.allocate(
              ofFrame, 1, size.height() * scale, size.width() * scale, decoded.channels());
      for (int frame = 0; frame < decoded.frames(); frame++) {
        for (int r = 0; r < rows.size(); r++) {
          for (int c = 0; c < rows.get(r).size(); c++) {
            Volume tile = volume(rows.get(r).get(c), frame);
            // A neighbour is blended with its own neighbours already, as in the published code.
            if (blending.isPresent() && r > 0) {
              blendRows(volume(rows.get(r - 1).get(c), frame), tile);
            }
            if (blending.isPresent() && c > 0) {
              blendColumns(volume(rows.get(r).get(c - 1), frame), tile);
            }
            place(tile, rows.get(r).get(c).block(), whole);
          }
        }
        frames.accept(whole, frame);
      }
    }
  }

  private Volume volume(Tile tile, int frame) {
    return new Volume(
        scratch.asSlice(tile.offset() + frame * frameBytes(tile), frameBytes(tile)),
        1,
        tile.window().height() * decoded.scale(),
        tile.window().width() * decoded.scale(),
        decoded.channels());
  }

  private void blendRows(Volume above, Volume tile) {
    int shared = Math.min(blending.get().overlapHeight(), Math.min(above.height(), tile.height()));
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
    int shared = Math.min(blending.get().overlapWidth(), Math.min(before.width(), tile.width()));
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

  /** Copies a window's core into the frame. */
  private void place(Volume tile, Block block, Volume whole) {
    Window core = block.core();
    int scale = decoded.scale();
    int top = (core.top() - block.window().top()) * scale;
    int left = (core.left() - block.window().left()) * scale;
    int length = core.width() * scale * tile.channels();
    for (int y = 0; y < core.height() * scale; y++) {
      write(read(tile, top + y, left, length), whole, core.top() * scale + y, core.left() * scale);
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
