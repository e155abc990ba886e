// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.text;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jsoup.parser.Parser;

/**
 * What Wan's pipeline does to a prompt before it is cut into tokens: HTML entities are replaced,
 * twice, and each run of white space becomes one space. The published pipeline repairs the text
 * with the Python library ftfy first where that is installed; this is the pipeline without ftfy, so
 * curly quotes, ligatures and the like stay as they are.
 */
public final class PromptCleaning {
  private static final Pattern NUMERIC_REFERENCE =
      Pattern.compile("&#(?:([0-9]+)|[xX]([0-9a-fA-F]+));?");

  /** White space as Python sees it, which counts the separators 1C to 1F too. */
  private static final Pattern WHITE_SPACE =
      Pattern.compile(
          "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+");

  /** What HTML5 makes of the numbers 128 to 159: the characters of Windows-1252. */
  private static final String WINDOWS_1252 =
      "\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d"
          + "\u008f\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153"
          + "\u009d\u017e\u0178";

  private PromptCleaning() {}

  /** The cleaned prompt. */
  public static String clean(String prompt) {
    return strip(WHITE_SPACE.matcher(unescape(unescape(prompt))).replaceAll(" "));
  }

  private static String strip(String text) {
    int first = text.startsWith(" ") ? 1 : 0;
    int end = text.length() > first && text.endsWith(" ") ? text.length() - 1 : text.length();
    return text.substring(first, end);
  }

  /**
   * Replaces HTML5 entities once. Named ones go through jsoup; numbers follow the HTML5 rules that
   * Python's html.unescape applies: forbidden control characters vanish, what is no character
   * becomes U+FFFD.
   */
  static String unescape(String text) {
    StringBuilder out = new StringBuilder();
    Matcher matcher = NUMERIC_REFERENCE.matcher(text);
    int from = 0;
    while (matcher.find()) {
      out.append(Parser.unescapeEntities(text.substring(from, matcher.start()), false));
      boolean decimal = matcher.group(1) != null;
      out.append(character(matcher.group(decimal ? 1 : 2), decimal ? 10 : 16));
      from = matcher.end();
    }
    return out.append(Parser.unescapeEntities(text.substring(from), false)).toString();
  }

  private static String character(String digits, int radix) {
    String significant = digits.replaceFirst("^0+(?=.)", "");
    // Nine digits are beyond Unicode in either radix, and still fit a long.
    long number =
        Long.parseLong(significant.substring(0, Math.min(9, significant.length())), radix);
    if (number == 0 || number > Character.MAX_CODE_POINT || number >= 0xD800 && number <= 0xDFFF) {
      return "\ufffd";
    }
    int point = (int) number;
    if (point >= 0x80 && point <= 0x9f) {
      return String.valueOf(WINDOWS_1252.charAt(point - 0x80));
    }
    return forbidden(point) ? "" : Character.toString(point);
  }

  private static boolean forbidden(int point) {
    return point < 0x20 && "\t\n\f\r".indexOf(point) < 0
        || point == 0x7f
        || point >= 0xfdd0 && point <= 0xfdef
        || (point & 0xfffe) == 0xfffe;
  }
}
