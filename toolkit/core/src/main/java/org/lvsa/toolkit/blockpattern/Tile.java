// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.toolkit.io.Messages;

/**
 * A box of neighbouring tokens, which becomes one block. Boxes stand in raster order; boxes at the
 * far border are short where the video's sizes do not divide.
 *
 * @param frames extent in time, at least 1
 * @param height extent in rows, at least 1
 * @param width extent in columns, at least 1
 */
public record Tile(int frames, int height, int width) {

  /**
   * @throws IllegalArgumentException if a size is below 1, or there are more than 2³¹ − 1 tokens
   */
  public Tile {
    Checks.atLeast("tile frames", frames, 1);
    Checks.atLeast("tile height", height, 1);
    Checks.atLeast("tile width", width, 1);
    if ((double) frames * height * width > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "a tile holds at most 2^31-1 tokens, got " + frames + "x" + height + "x" + width);
    }
  }

  /**
   * Reads {@code FRAMESxHEIGHTxWIDTH}, such as {@code 6x8x8}.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static Tile parse(String text) {
    int[] sizes = numbers(text, 3);
    return new Tile(sizes[0], sizes[1], sizes[2]);
  }

  /** As {@link #parse} reads it. */
  public String word() {
    return frames + "x" + height + "x" + width;
  }

  /** Reads so many whole numbers with an x between them. */
  static int[] numbers(String text, int count) {
    if (!text.matches("\\d{1,9}(x\\d{1,9}){" + (count - 1) + "}")) {
      throw new IllegalArgumentException(
          "must be "
              + (count == 3 ? "FRAMESxHEIGHTxWIDTH" : "HEIGHTxWIDTH")
              + ", got "
              + Messages.cut(text));
    }
    return Arrays.stream(text.split("x")).mapToInt(Integer::parseInt).toArray();
  }

  /** Tokens of a whole box. */
  public int volume() {
    return frames * height * width;
  }

  /** Boxes along time, height and width. */
  public Tile counts(TokenGrid grid) {
    return new Tile(
        Math.ceilDiv(grid.frames(), frames),
        Math.ceilDiv(grid.height(), height),
        Math.ceilDiv(grid.width(), width));
  }

  /** Whether the boxes fill the video without short ones. */
  public boolean divides(TokenGrid grid) {
    return grid.frames() % frames == 0 && grid.height() % height == 0 && grid.width() % width == 0;
  }

  /** Tokens of each box, in raster order of the boxes. */
  public int[] sizes(TokenGrid grid) {
    Tile counts = counts(grid);
    int[] sizes = new int[counts.volume()];
    int next = 0;
    for (int t = 0; t < counts.frames; t++) {
      for (int y = 0; y < counts.height; y++) {
        for (int x = 0; x < counts.width; x++) {
          sizes[next++] =
              Math.min(frames, grid.frames() - t * frames)
                  * Math.min(height, grid.height() - y * height)
                  * Math.min(width, grid.width() - x * width);
        }
      }
    }
    return sizes;
  }

  /**
   * The order that makes each box consecutive, raster inside a box; text stays behind the video.
   */
  public TokenOrder order(TokenGrid grid) {
    Tile counts = counts(grid);
    List<int[]> corners = new ArrayList<>();
    for (int t = 0; t < counts.frames; t++) {
      for (int y = 0; y < counts.height; y++) {
        for (int x = 0; x < counts.width; x++) {
          corners.add(new int[] {t * frames, y * height, x * width});
        }
      }
    }
    int[] source = new int[grid.tokens()];
    int next = 0;
    for (int[] corner : corners) {
      for (int t = corner[0]; t < Math.min(corner[0] + frames, grid.frames()); t++) {
        for (int y = corner[1]; y < Math.min(corner[1] + height, grid.height()); y++) {
          for (int x = corner[2]; x < Math.min(corner[2] + width, grid.width()); x++) {
            source[next++] = (t * grid.height() + y) * grid.width() + x;
          }
        }
      }
    }
    for (int text = grid.videoTokens(); text < grid.tokens(); text++) {
      source[next++] = text;
    }
    return new TokenOrder(source);
  }
}
