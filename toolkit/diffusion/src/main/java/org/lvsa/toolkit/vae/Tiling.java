// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.decoder.FrameSize;
import org.lvsa.toolkit.vae.TiledDecode.Block;
import org.lvsa.toolkit.vae.TiledDecode.Window;

/**
 * How large frames are decoded in tiles that overlap, so that memory does not grow with the frame.
 * Each tile is decoded alone; where two overlap, the picture goes over linearly from one to the
 * other. All sizes are in pixels of the decoded frames.
 *
 * @param tileHeight rows of a tile
 * @param tileWidth pixels of a tile's row
 * @param strideHeight rows from the top of one tile to the next
 * @param strideWidth pixels from the left of one tile to the next
 */
public record Tiling(int tileHeight, int tileWidth, int strideHeight, int strideWidth)
    implements FrameCut {
  /** The published sizes: tiles of 256 by 256 pixels, 192 pixels apart. */
  public static final Tiling DEFAULT = new Tiling(256, 256, 192, 192);

  /** Checks that neighbouring tiles touch or overlap. */
  public Tiling {
    if (strideHeight < 1
        || strideWidth < 1
        || tileHeight < strideHeight
        || tileWidth < strideWidth) {
      throw new IllegalArgumentException(
          "tiles must be at least as large as the way between them, got tiles of "
              + tileWidth
              + "x"
              + tileHeight
              + " every "
              + strideWidth
              + "x"
              + strideHeight
              + " pixels");
    }
  }

  /** Whether frames are no larger than one tile. */
  boolean holds(int height, int width) {
    return height <= tileHeight && width <= tileWidth;
  }

  /**
   * The same tiles in squares of pixels.
   *
   * @param patch pixels along a square's side, which divides all sizes
   * @throws IllegalArgumentException if it does not
   */
  Tiling inPatches(int patch) {
    for (int pixels : new int[] {tileHeight, tileWidth, strideHeight, strideWidth}) {
      if (pixels % patch != 0) {
        throw new IllegalArgumentException(
            "sizes of tiles and the ways between them must be multiples of "
                + patch
                + " pixels, got "
                + pixels);
      }
    }
    return new Tiling(
        tileHeight / patch, tileWidth / patch, strideHeight / patch, strideWidth / patch);
  }

  /**
   * The tiles, by rows. Of each, what no later tile covers goes into the frame.
   *
   * @param scale pixels for a latent one along a side
   * @throws IllegalArgumentException if the sizes do not divide into latent pixels
   */
  List<List<Block>> blocks(LatentSize size, int scale) {
    Tiling latent = inPatches(scale);
    List<List<Block>> blocks = new ArrayList<>();
    for (int top = 0; top < size.height(); top += latent.strideHeight) {
      List<Block> line = new ArrayList<>();
      for (int left = 0; left < size.width(); left += latent.strideWidth) {
        int height = Math.min(latent.tileHeight, size.height() - top);
        int width = Math.min(latent.tileWidth, size.width() - left);
        line.add(
            new Block(
                new Window(top, left, height, width),
                new Window(
                    top,
                    left,
                    Math.min(height, latent.strideHeight),
                    Math.min(width, latent.strideWidth))));
      }
      blocks.add(line);
    }
    return blocks;
  }

  /**
   * The sizes of what a decoder is given: those of whole latent frames, or of tiles, whose last row
   * and column may be smaller.
   *
   * @param tiling empty to decode whole frames
   * @param patch pixels along the side of a square that the decoder gives
   * @param scale such squares for a latent pixel along a side
   * @return each once, the one of the first tile in front
   * @throws IllegalArgumentException if the sizes do not divide into latent pixels
   */
  public static List<FrameSize> sizes(
      Optional<Tiling> tiling, LatentSize size, int patch, int scale) {
    Optional<Tiling> own = tiling.map(its -> its.inPatches(patch));
    if (own.isEmpty() || own.get().holds(size.height() * scale, size.width() * scale)) {
      return List.of(new FrameSize(size.height(), size.width()));
    }
    return own.get().blocks(size, scale).stream()
        .flatMap(List::stream)
        .map(block -> new FrameSize(block.window().height(), block.window().width()))
        .distinct()
        .toList();
  }

  /** Rows that a tile and the one below it share. */
  int overlapHeight() {
    return tileHeight - strideHeight;
  }

  /** Pixels of a row that a tile and the one to the right of it share. */
  int overlapWidth() {
    return tileWidth - strideWidth;
  }
}
