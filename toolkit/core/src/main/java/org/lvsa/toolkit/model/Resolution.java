// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.model;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.lvsa.toolkit.io.Messages;

/**
 * A video's size in pixels, written {@code 832x480}.
 *
 * @param width pixels, at least 1
 * @param height pixels, at least 1
 */
public record Resolution(int width, int height) {
  private static final Pattern FORM = Pattern.compile("(\\d{1,5})x(\\d{1,5})");

  /**
   * Reads {@code WIDTHxHEIGHT}.
   *
   * @throws IllegalArgumentException if the text has another form
   */
  public static Resolution parse(String text) {
    Matcher matcher = FORM.matcher(text.strip().toLowerCase(Locale.ROOT));
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "a resolution is WIDTHxHEIGHT, such as 832x480, each at most 99999, got "
              + Messages.cut(text));
    }
    return new Resolution(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
  }

  @Override
  public String toString() {
    return width + "x" + height;
  }
}
