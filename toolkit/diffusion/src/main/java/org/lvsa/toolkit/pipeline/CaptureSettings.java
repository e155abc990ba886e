// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.lvsa.toolkit.io.Messages;

/**
 * Which self-attentions are written to files, and where.
 *
 * @param directory that takes the files
 * @param layers blocks of the transformer, from 0
 * @param steps denoising steps, from 0
 */
public record CaptureSettings(Path directory, Selection layers, Selection steps) {
  private static final String NUMBERS =
      "(?:all|\\d{1,6}(?:-\\d{1,6})?(?:\\+\\d{1,6}(?:-\\d{1,6})?)*)";
  private static final Pattern FORM =
      Pattern.compile("(.+):(" + NUMBERS + "),(" + NUMBERS + ")", Pattern.DOTALL);

  /**
   * Reads {@code DIR} or {@code DIR:LAYERS,STEPS}. Layers and steps are {@code all}, a number, a
   * range {@code 0-3}, or several of these with {@code +} between them.
   *
   * @throws IllegalArgumentException if the text has another form
   */
  public static CaptureSettings parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (matcher.matches()) {
      return new CaptureSettings(
          Path.of(matcher.group(1)),
          Selection.parse(matcher.group(2)),
          Selection.parse(matcher.group(3)));
    }
    int colon = text.lastIndexOf(':');
    if (text.isBlank() || colon >= 0 && !text.substring(colon).contains("/")) {
      throw new IllegalArgumentException(
          "a capture is DIR or DIR:LAYERS,STEPS with all, N, N-M or several of them joined by +,"
              + " such as captured:0+5,0-3; got "
              + Messages.cut(text));
    }
    return new CaptureSettings(Path.of(text), Selection.ALL, Selection.ALL);
  }

  /** Whether the attention of a layer in a step is written. */
  public boolean selects(int layer, int step) {
    return layers.contains(layer) && steps.contains(step);
  }

  /** The file of one self-attention. */
  Path file(int layer, int step, DenoisingLoop.Branch branch) {
    return directory.resolve(
        String.format(
            Locale.ROOT,
            "layer%02d-step%03d-%s.safetensors",
            layer,
            step,
            branch.name().toLowerCase(Locale.ROOT)));
  }

  /**
   * Some whole numbers from 0.
   *
   * @param ranges each with its ends
   */
  public record Selection(List<Range> ranges) {
    /** Every number. */
    public static final Selection ALL = new Selection(List.of(new Range(0, Integer.MAX_VALUE)));

    /** The ranges are copied. */
    public Selection {
      ranges = List.copyOf(ranges);
    }

    private static Selection parse(String text) {
      if (text.equals("all")) {
        return ALL;
      }
      List<Range> ranges = new ArrayList<>();
      for (String part : text.split("\\+")) {
        String[] ends = part.split("-");
        ranges.add(new Range(Integer.parseInt(ends[0]), Integer.parseInt(ends[ends.length - 1])));
      }
      return new Selection(ranges);
    }

    /** Whether the number is one of them. */
    public boolean contains(int number) {
      return ranges.stream().anyMatch(range -> range.first() <= number && number <= range.last());
    }
  }

  /**
   * The numbers from one to another.
   *
   * @param first the least
   * @param last the greatest, not below the first
   */
  public record Range(int first, int last) {
    /** In order. */
    public Range {
      if (last < first) {
        throw new IllegalArgumentException("a range goes up, got " + first + "-" + last);
      }
    }
  }
}
