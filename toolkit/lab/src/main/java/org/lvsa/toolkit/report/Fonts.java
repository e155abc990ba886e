// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.util.function.Consumer;
import org.lvsa.toolkit.backend.UnavailableException;

/**
 * Whether pictures with words in them can be drawn here. A small machine or container may have no
 * font at all, and Java then fails at the first word that it draws.
 */
public final class Fonts {
  private static final String REASON =
      "this machine has no fonts (Debian and Ubuntu: apt install fontconfig fonts-dejavu-core)";

  private Fonts() {}

  /** Whether Java finds a font. */
  static boolean found() {
    Graphics2D g = new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB).createGraphics();
    try {
      g.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
      return g.getFontMetrics().stringWidth("0") > 0;
    } catch (RuntimeException | InternalError | LinkageError e) {
      // Which of them it is depends on the JDK, on what is missing, and on whether it is the first
      // attempt of the process.
      return false;
    } finally {
      g.dispose();
    }
  }

  /**
   * Whether pictures can be drawn; says once why not.
   *
   * @param what is left out without fonts, in the plural
   * @param warning takes the one line that says so
   */
  public static boolean found(String what, Consumer<String> warning) {
    boolean found = found();
    if (!found) {
      warning.accept("WARNING: " + what + " are left out: " + REASON);
    }
    return found;
  }

  /**
   * For whoever was asked for a picture and nothing else.
   *
   * @throws UnavailableException if none can be drawn, with what to install
   */
  public static void require() {
    if (!found()) {
      throw new UnavailableException("a picture cannot be drawn: " + REASON);
    }
  }
}
