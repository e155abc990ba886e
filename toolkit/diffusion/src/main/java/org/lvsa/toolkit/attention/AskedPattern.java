// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.nio.file.Path;
import java.util.Map;
import org.lvsa.toolkit.blockpattern.BlockPattern;
import org.lvsa.toolkit.blockpattern.DenseSchedule;
import org.lvsa.toolkit.blockpattern.FilePattern;
import org.lvsa.toolkit.blockpattern.PatternKind;
import org.lvsa.toolkit.blockpattern.PatternSpec;
import org.lvsa.toolkit.blockpattern.TokenGrid;

/**
 * A pattern of the laboratory that a generation's self-attention is to have, with the run that its
 * schedule counts in.
 *
 * @param text as a user writes it: {@code radial:block=64,dense_steps=4}, {@code file:mask.json}
 * @param steps denoising steps of the run
 * @param layers blocks of the transformer
 */
public record AskedPattern(String text, int steps, int layers) {
  private static final String FILE = "file:";

  /**
   * @throws IllegalArgumentException as {@link #check}
   */
  public AskedPattern {
    check(text);
  }

  /**
   * Refuses what is no pattern, whatever the video.
   *
   * @throws IllegalArgumentException naming the nearest pattern, or the parameter that is wrong
   * @throws org.lvsa.toolkit.io.MalformedFileException if a mask's file cannot be read
   */
  public static void check(String text) {
    if (text.startsWith(FILE)) {
      file(text);
    } else {
      PatternSpec.parse(text);
    }
  }

  private static FilePattern file(String text) {
    return FilePattern.read(Path.of(text.substring(FILE.length())));
  }

  /** A short name: {@code radial}, {@code file}. */
  public static String name(String text) {
    return text.replaceFirst(":.*", "");
  }

  /** All that decides the result: every parameter with its value, or the mask itself. */
  public String identity() {
    return text.startsWith(FILE)
        ? FILE + Integer.toHexString(file(text).json().hashCode())
        : PatternSpec.parse(text).toString();
  }

  /** When attention is dense instead. */
  DenseSchedule schedule() {
    return text.startsWith(FILE) ? DenseSchedule.NONE : PatternSpec.parse(text).schedule();
  }

  /**
   * The pattern for a video. Families of published variants are named after models: where nobody
   * chose one, a sequence with text behind the video gets the variant for that.
   *
   * @throws IllegalArgumentException if the pattern does not take the video
   */
  BlockPattern build(TokenGrid grid) {
    if (text.startsWith(FILE)) {
      return file(text);
    }
    return spec(grid).build(grid);
  }

  /** The parameters for a video, with the variant that its text asks for. */
  private PatternSpec spec(TokenGrid grid) {
    PatternSpec spec = PatternSpec.parse(text);
    if (grid.text() > 0) {
      if (spec.kind() == PatternKind.SVG && spec.value("family").equals("cog")) {
        throw new IllegalArgumentException(
            "svg: family cog has its text before the video, here text stands behind it: hyvideo is"
                + " the same band");
      }
      if (!spec.given().containsKey("family")) {
        spec =
            switch (spec.kind()) {
              case SVG -> spec.with(Map.of("family", "hyvideo"));
              case RADIAL -> spec.with(Map.of("family", "hunyuan"));
              default -> spec;
            };
      }
    }
    return spec;
  }

  /** How a log shows it: {@code radial:block=128,…, dense in 12 of 50 steps and 1 of 30 layers}. */
  String inWords(TokenGrid grid) {
    if (text.startsWith(FILE)) {
      return text;
    }
    DenseSchedule schedule = schedule();
    int denseSteps = schedule.steps().of(steps);
    int denseLayers = schedule.layers().of(layers);
    return spec(grid)
        + (denseSteps + denseLayers == 0
            ? ""
            : ", dense in the first "
                + denseSteps
                + " of "
                + steps
                + " steps and the first "
                + denseLayers
                + " of "
                + layers
                + " layers");
  }
}
