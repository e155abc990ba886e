// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.lvsa.toolkit.report.Plot.Axis;
import org.lvsa.toolkit.report.Plot.Panel;
import org.lvsa.toolkit.report.Plot.Point;
import org.lvsa.toolkit.report.Plot.Scale;
import org.lvsa.toolkit.report.Plot.Series;
import org.lvsa.toolkit.report.Plot.Style;

/**
 * The report of forward passes of a whole transformer, ours beside PyTorch's: a table in Markdown,
 * and {@code forward.png}, seconds against length.
 */
public final class ForwardReport {
  private ForwardReport() {}

  /** Whether a folder holds what {@link #write} reports. */
  public static boolean isIn(Path folder) {
    return ForwardRun.isIn(folder);
  }

  /**
   * Draws the plot beside the runs, where there are fonts.
   *
   * @param folder with the files that {@link ForwardRun} reads
   * @param warning takes a line where the picture is left out
   * @return the table, line by line
   * @throws org.lvsa.toolkit.io.MalformedFileException if there are no runs
   */
  public static List<String> write(Path folder, Consumer<String> warning) throws IOException {
    List<ForwardRun> runs = ForwardRun.read(folder);
    if (Fonts.found("pictures of plots", warning)) {
      PlotPicture.write(plot(runs), folder.resolve("forward.png"));
    }
    return table(runs);
  }

  /** A row for each length and attention, a column for each system. */
  static List<String> table(List<ForwardRun> runs) {
    List<String> lines = new ArrayList<>();
    StringBuilder head = new StringBuilder("| video frames | attention |");
    StringBuilder rule = new StringBuilder("|---|---|");
    for (ForwardRun.System system : ForwardRun.System.values()) {
      head.append(' ').append(system.words()).append(", s |");
      rule.append("---|");
    }
    lines.add(head.toString());
    lines.add(rule.toString());
    for (int latentFrames : lengths(runs)) {
      for (boolean dense : new boolean[] {true, false}) {
        row(runs, latentFrames, dense).ifPresent(lines::add);
      }
    }
    return lines;
  }

  private static TreeSet<Integer> lengths(List<ForwardRun> runs) {
    return new TreeSet<>(runs.stream().map(ForwardRun::latentFrames).toList());
  }

  private static Optional<String> row(List<ForwardRun> runs, int latentFrames, boolean dense) {
    List<ForwardRun> these =
        runs.stream().filter(r -> r.latentFrames() == latentFrames && r.dense() == dense).toList();
    if (these.isEmpty()) {
      return Optional.empty();
    }
    StringBuilder line =
        new StringBuilder(
            "| " + these.getFirst().videoFrames() + " | " + (dense ? "dense" : "LVSA") + " |");
    for (ForwardRun.System system : ForwardRun.System.values()) {
      line.append(
          these.stream()
              .filter(r -> r.system() == system)
              .findFirst()
              .map(r -> String.format(Locale.ROOT, " %.2f |", r.seconds()))
              .orElse(" |"));
    }
    return Optional.of(line.toString());
  }

  /** Seconds against length, a colour for each system, dense runs dashed. */
  static Plot plot(List<ForwardRun> runs) {
    List<Series> series = new ArrayList<>();
    for (ForwardRun.System system : ForwardRun.System.values()) {
      for (boolean dense : new boolean[] {true, false}) {
        List<Point> points =
            runs.stream()
                .filter(r -> r.system() == system && r.dense() == dense)
                .sorted(Comparator.comparingInt(ForwardRun::latentFrames))
                .map(r -> Point.of(r.videoFrames(), r.seconds()))
                .toList();
        if (!points.isEmpty()) {
          series.add(
              new Series(
                  system.words() + (dense ? ", dense" : ", LVSA"),
                  system.ordinal(),
                  dense ? Style.DASHED : Style.SOLID,
                  points));
        }
      }
    }
    List<Double> frames =
        runs.stream().map(r -> (double) r.videoFrames()).distinct().sorted().toList();
    return new Plot(
        "forward",
        "Wan 1.3B, 832x480, one forward pass on one H100 (a guided step is two)",
        "",
        new Axis("video frames", Scale.LINEAR, frames),
        Axis.of("seconds", Scale.LOG),
        List.of(new Panel("", series)));
  }
}
