// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.apache.commons.text.similarity.LevenshteinDistance;

/** The wording of messages to users: short, on one line, with the nearest known name first. */
public final class Messages {
  /** Longest piece of a user's input that a message repeats, in characters. */
  public static final int LONGEST = 200;

  private static final int LONGEST_NAME_COMPARED = 100;

  private Messages() {}

  /**
   * A user's value as a message may repeat it: on one line, at most {@value #LONGEST} characters,
   * with control characters written out.
   */
  public static String cut(Object value) {
    String line = oneLine(String.valueOf(value));
    if (line.length() <= LONGEST) {
      return line;
    }
    int end = Character.isHighSurrogate(line.charAt(LONGEST - 1)) ? LONGEST - 1 : LONGEST;
    return line.substring(0, end) + "… (" + line.length() + " characters)";
  }

  /** A text on one line: line breaks become spaces, other control characters are written out. */
  public static String oneLine(String text) {
    String line = text.strip().replaceAll("\\s*\\R\\s*", " ");
    StringBuilder shown = new StringBuilder(line.length());
    line.codePoints()
        .forEach(
            c -> {
              if (c == '\t') {
                shown.append(' ');
              } else if (Character.isISOControl(c) || Character.getType(c) == Character.SURROGATE) {
                shown.append(String.format(Locale.ROOT, "\\u%04x", c));
              } else {
                shown.appendCodePoint(c);
              }
            });
    return shown.toString();
  }

  /**
   * Known names, those nearest to a mistyped one first. A name that begins with what was typed is
   * nearest; then the edit distance (Levenshtein) decides, whatever the case of the letters.
   */
  public static List<String> nearest(String typed, Collection<String> known) {
    String wanted = shortened(typed);
    return known.stream()
        .sorted(Comparator.comparingInt(name -> distance(wanted, shortened(name))))
        .toList();
  }

  private static String shortened(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return lower.length() <= LONGEST_NAME_COMPARED
        ? lower
        : lower.substring(0, LONGEST_NAME_COMPARED);
  }

  private static int distance(String typed, String name) {
    boolean begins = !typed.isEmpty() && name.startsWith(typed);
    return begins ? 0 : LevenshteinDistance.getDefaultInstance().apply(typed, name);
  }

  /**
   * What to say about a name that nobody knows: {@code unknown model wan, known are wan2.1-1.3b,
   * …}, with the nearest name first.
   *
   * @param kind what the name should name, such as {@code model}
   */
  public static String unknown(String kind, String typed, Collection<String> known) {
    List<String> names = nearest(typed, known);
    return "unknown "
        + kind
        + " "
        + cut(typed)
        + (names.isEmpty()
            ? ""
            : ", the nearest is " + names.getFirst() + "; known are " + String.join(", ", names));
  }

  /**
   * Why an operation on a file failed, in words and without the file's path: Java's own messages
   * are often the path alone.
   */
  public static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException ignored -> "no such file or directory";
      case FileNotFoundException ignored -> cut(lastParenthesis(e.getMessage()));
      case AccessDeniedException ignored -> "permission denied";
      case NotDirectoryException ignored -> "not a directory";
      case DirectoryNotEmptyException ignored -> "the directory is not empty";
      case FileAlreadyExistsException ignored -> "the file exists already";
      case FileSystemException system when system.getReason() != null -> cut(system.getReason());
      default -> cut(e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage());
    };
  }

  /** {@code "/a/b (Permission denied)"}, as {@code java.io} words it, without the path. */
  private static String lastParenthesis(String message) {
    int open = message == null ? -1 : message.lastIndexOf('(');
    return open >= 0 && message.endsWith(")")
        ? message.substring(open + 1, message.length() - 1)
        : "no such file or directory";
  }
}
