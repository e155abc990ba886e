// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.Locale;
import org.lvsa.toolkit.io.Memory;
import org.lvsa.toolkit.pattern.Pattern;

/** Draws a pattern: one row per query frame, one column per key frame. */
public final class MaskPicture {
  private static final Color GLOBAL = Color.decode(Look.PALETTE.get(0));
  private static final Color WINDOW = Color.decode(Look.PALETTE.get(4));
  private static final Color BOTH = Color.decode(Look.PALETTE.get(3));
  private static final Color SKIPPED = new Color(0xF1F1F1);

  private MaskPicture() {}

  /** Most frames that a picture shows, one pixel each. */
  private static final int MOST_FRAMES = 20_000;

  /**
   * The picture, about {@code side} pixels wide, with a title and a legend.
   *
   * @throws IllegalArgumentException if there are more frames than a picture can show
   * @throws org.lvsa.toolkit.backend.UnavailableException if this machine has no fonts
   */
  public static BufferedImage draw(Pattern pattern, int side) {
    int frames = pattern.settings().latentFrames();
    checkSize(frames);
    Fonts.require();
    int cell = Math.max(1, side / frames);
    int margin = 46;
    int width = Math.max(frames * cell + margin + 12, 500);
    int height = frames * cell + 2 * margin + 12;
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D g = image.createGraphics();
    g.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    g.setColor(Color.WHITE);
    g.fillRect(0, 0, width, height);
    int gap = cell >= 5 ? 1 : 0;
    for (int query = 0; query < frames; query++) {
      for (int key = 0; key < frames; key++) {
        g.setColor(colour(pattern.mark(query, key)));
        g.fillRect(margin + key * cell, margin + query * cell, cell - gap, cell - gap);
      }
    }
    g.setColor(Color.DARK_GRAY);
    g.setFont(new Font(Font.SANS_SERIF, Font.BOLD, 13));
    g.drawString(
        String.format(
            Locale.ROOT,
            "%d latent frames, window %d, keyframe every %d: density %.3f",
            frames,
            pattern.settings().window(),
            pattern.keyFrameInterval(),
            pattern.density()),
        8,
        18);
    g.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 11));
    g.drawString("key frame →", margin + 14, margin - 6);
    g.drawString("query ↓", 4, margin - 6);
    for (int f = 0; f < frames; f += Math.max(1, (frames / 8 + 4) / 5 * 5)) {
      g.drawString(Integer.toString(f), 16, margin + f * cell + Math.max(cell, 9));
    }
    legend(g, margin, margin + frames * cell + 24);
    g.dispose();
    return image;
  }

  /**
   * Refuses a pattern that no picture can show, before anything is drawn.
   *
   * @throws IllegalArgumentException if there are too many frames, or too little memory
   */
  public static void checkSize(int frames) {
    if (frames > MOST_FRAMES) {
      throw new IllegalArgumentException(
          "a picture shows at most " + MOST_FRAMES + " latent frames, got " + frames);
    }
    // Four bytes per pixel, and as much again while the picture is compressed.
    Memory.requireHeap("a picture of " + frames + " latent frames", 8L * frames * frames);
  }

  private static void legend(Graphics2D g, int x, int y) {
    String[] names = {"global", "window", "both", "skipped"};
    char[] marks = {'G', 'W', 'X', '.'};
    for (int i = 0; i < names.length; i++) {
      g.setColor(colour(marks[i]));
      g.fillRect(x + i * 90, y - 10, 12, 12);
      g.setColor(Color.DARK_GRAY);
      g.drawString(names[i], x + i * 90 + 17, y);
    }
  }

  private static Color colour(char mark) {
    return switch (mark) {
      case 'G' -> GLOBAL;
      case 'W' -> WINDOW;
      case 'X' -> BOTH;
      default -> SKIPPED;
    };
  }
}
