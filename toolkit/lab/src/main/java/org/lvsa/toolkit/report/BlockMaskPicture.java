// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import org.lvsa.toolkit.blockpattern.BlockMask;

/**
 * Draws masks of blocks: queries from top to bottom, keys from left to right, each token as wide as
 * every other. The darker a place, the more of its pairs are attended to.
 */
public final class BlockMaskPicture {
  private static final Color ATTENDED = Color.decode(Look.PALETTE.getFirst());
  private static final Color SKIPPED = new Color(0xF1F1F1);
  private static final char[] SHADES = {'.', ':', '+', '#'};
  private static final int MARGIN = 10;
  private static final int TITLE = 20;

  private BlockMaskPicture() {}

  /** A mask with a title. */
  public record Titled(String title, BlockMask mask) {}

  /** One mask, {@code side} pixels wide and high, with its title above. */
  public static BufferedImage draw(Titled mask, int side) {
    return draw(List.of(mask), 1, side);
  }

  /**
   * Several masks beside and below each other.
   *
   * @param columns masks beside each other
   * @param side pixels of each mask's sides
   * @throws org.lvsa.toolkit.backend.UnavailableException if this machine has no fonts
   */
  public static BufferedImage draw(List<Titled> masks, int columns, int side) {
    Fonts.require();
    int rows = Math.ceilDiv(masks.size(), columns);
    int width = Math.min(columns, masks.size()) * (side + MARGIN) + MARGIN;
    int height = rows * (side + MARGIN + TITLE) + MARGIN;
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D g = image.createGraphics();
    g.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    g.setColor(Color.WHITE);
    g.fillRect(0, 0, width, height);
    for (int i = 0; i < masks.size(); i++) {
      int left = MARGIN + i % columns * (side + MARGIN);
      int top = MARGIN + i / columns * (side + MARGIN + TITLE);
      g.setColor(Color.DARK_GRAY);
      g.setFont(new Font(Font.SANS_SERIF, Font.BOLD, 12));
      g.setClip(left, top - MARGIN, side, TITLE + MARGIN);
      g.drawString(masks.get(i).title(), left, top + 12);
      g.setClip(null);
      double[][] shares = shares(masks.get(i).mask(), side, side);
      for (int y = 0; y < side; y++) {
        for (int x = 0; x < side; x++) {
          image.setRGB(left + x, top + TITLE + y, mixed(shares[y][x]));
        }
      }
    }
    g.dispose();
    return image;
  }

  /**
   * A mask as text, a line per block of queries; larger masks are shrunk to {@code most} lines.
   * {@code #} is attended to, {@code .} is not, {@code :} and {@code +} are in part.
   */
  public static List<String> lines(BlockMask mask, int most) {
    boolean whole = mask.rows() <= most && mask.columns() <= most;
    List<String> lines = new ArrayList<>();
    double[][] shares =
        whole ? null : shares(mask, Math.min(most, mask.rows()), Math.min(most, mask.columns()));
    int rows = whole ? mask.rows() : shares.length;
    for (int row = 0; row < rows; row++) {
      StringBuilder line = new StringBuilder();
      int columns = whole ? mask.columns() : shares[row].length;
      for (int column = 0; column < columns; column++) {
        line.append(whole ? (mask.attends(row, column) ? '#' : '.') : shade(shares[row][column]));
      }
      lines.add(line.toString());
    }
    return lines;
  }

  private static char shade(double share) {
    return share <= 0 ? SHADES[0] : share >= 1 ? SHADES[3] : share < 0.5 ? SHADES[1] : SHADES[2];
  }

  private static int mixed(double share) {
    int colour = 0;
    for (int shift = 0; shift < 24; shift += 8) {
      int from = SKIPPED.getRGB() >> shift & 0xFF;
      int to = ATTENDED.getRGB() >> shift & 0xFF;
      colour |= (int) Math.round(from + (to - from) * share) << shift;
    }
    return colour;
  }

  /** The share of attended pairs in each cell of a raster over all pairs of tokens. */
  static double[][] shares(BlockMask mask, int rows, int columns) {
    double[][] byColumn = new double[mask.rows()][];
    for (int row = 0; row < mask.rows(); row++) {
      boolean[] attended = new boolean[mask.columns()];
      for (int i = mask.indptr()[row]; i < mask.indptr()[row + 1]; i++) {
        attended[mask.indices()[i]] = true;
      }
      byColumn[row] = new double[columns];
      spread(mask.keySizes(), columns, byColumn[row], i -> attended[i] ? 1 : 0);
    }
    double[][] shares = new double[rows][columns];
    for (int column = 0; column < columns; column++) {
      int at = column;
      double[] cells = new double[rows];
      spread(mask.querySizes(), rows, cells, row -> byColumn[row][at]);
      for (int row = 0; row < rows; row++) {
        shares[row][column] = cells[row];
      }
    }
    return shares;
  }

  /** Means of a step function over cells of equal width. */
  private static void spread(int[] sizes, int cells, double[] into, IntToDoubleFunction value) {
    double total = 0;
    for (int size : sizes) {
      total += size;
    }
    double begin = 0;
    for (int i = 0; i < sizes.length; i++) {
      double end = begin + sizes[i] * cells / total;
      double weight = value.applyAsDouble(i);
      for (int cell = (int) begin; weight > 0 && cell < cells && cell < end; cell++) {
        into[cell] += weight * Math.max(0, Math.min(end, cell + 1) - Math.max(begin, cell));
      }
      begin = end;
    }
  }
}
