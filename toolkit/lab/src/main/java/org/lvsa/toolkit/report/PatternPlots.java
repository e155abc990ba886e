// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.lvsa.toolkit.report.Plot.Axis;
import org.lvsa.toolkit.report.Plot.Panel;
import org.lvsa.toolkit.report.Plot.Point;
import org.lvsa.toolkit.report.Plot.Scale;
import org.lvsa.toolkit.report.Plot.Series;
import org.lvsa.toolkit.report.Plot.Style;
import org.lvsa.toolkit.sweep.Quality;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.Timing;

/**
 * The plots of patterns that were asked for by name: what each loses at a density, and in a time. A
 * curve is a pattern; the Pareto front joins the cells that no other one beats in both.
 */
public final class PatternPlots {
  private static final int GREY = Look.PALETTE.size() - 1;
  private static final int MOST_CURVES = Plot.MOST_SERIES - 1;

  /** The oracle is no pattern that could be used: it does not count for the front. */
  private static final String ORACLE = "topk";

  private PatternPlots() {}

  /**
   * All plots: one set per model, size, length, backend and input.
   *
   * @param rows measured rows; those of sparsity scales are passed over
   */
  public static List<Plot> of(List<ResultRow> rows) {
    Map<String, List<ResultRow>> places =
        rows.stream()
            .filter(row -> !row.cell().isScale() && row.quality().isPresent() && row.ok())
            .collect(
                Collectors.groupingBy(
                    PatternPlots::place, LinkedHashMap::new, Collectors.toList()));
    List<Plot> plots = new ArrayList<>();
    places.forEach(
        (place, cells) -> {
          String suffix = places.size() == 1 ? "" : "-" + place.replaceAll("[^a-zA-Z0-9.]+", "-");
          plots.add(
              new Plot(
                  "patterns" + suffix,
                  "Error for work: " + place,
                  "Error of the output against the share of pairs of tokens that is computed: lower"
                      + " left is better. Dotted: the Pareto front, the cells that no other pattern"
                      + " beats in both; topk, which knows the answer beforehand, is not part of"
                      + " it.",
                  Axis.of("density (attended pairs / all pairs)", Scale.FROM_ZERO),
                  Axis.of("relative L2 error", Scale.FROM_ZERO),
                  panels(cells, ResultRow::density)));
          plots.add(
              new Plot(
                  "patterns-time" + suffix,
                  "Error for time: " + place,
                  "Error of the output against the kernel's time, without the time to choose blocks"
                      + " and to reorder tokens, which stand in the table. Dotted: the Pareto"
                      + " front.",
                  Axis.of("kernel time (ms)", Scale.FROM_ZERO),
                  Axis.of("relative L2 error", Scale.FROM_ZERO),
                  panels(cells, PatternPlots::millis)));
        });
    return plots;
  }

  /** What all rows of a plot share: model, size, length and backend. */
  static String place(ResultRow row) {
    return row.cell().model()
        + ", "
        + (row.cell().resolution().equals("-")
            ? row.cell().patchesPerFrame() + " patches"
            : row.cell().resolution())
        + ", "
        + row.cell().frames()
        + " frames, "
        + row.cell().backend();
  }

  private static double millis(ResultRow row) {
    return row.timing().map(Timing::sparseMillis).orElseThrow();
  }

  static double error(ResultRow row) {
    return row.quality().map(Quality::relL2Error).orElseThrow();
  }

  /**
   * What the rows say in a sentence per density: which pattern loses least.
   *
   * @param rows measured rows; those without an asked density are passed over
   */
  public static List<String> headlines(List<ResultRow> rows) {
    Map<String, List<ResultRow>> asked =
        rows.stream()
            .filter(row -> !Double.isNaN(row.cell().askedDensity()) && row.quality().isPresent())
            .filter(row -> !row.cell().patternName().equals(ORACLE))
            .collect(
                Collectors.groupingBy(
                    row -> place(row) + " at density " + row.cell().askedDensity(),
                    LinkedHashMap::new,
                    Collectors.toList()));
    List<String> sentences = new ArrayList<>();
    asked.forEach(
        (where, cells) -> {
          ResultRow best =
              cells.stream().min(Comparator.comparingDouble(PatternPlots::error)).orElseThrow();
          sentences.add(
              String.format(
                  Locale.ROOT,
                  "%s: of %d patterns %s loses least, an error of %.1f %%, and is %.2f times as"
                      + " fast as dense.",
                  where,
                  cells.size(),
                  best.cell().patternName(),
                  100 * error(best),
                  best.speedup()));
        });
    return sentences;
  }

  /** As many panels as the patterns need, each with the front. */
  private static List<Panel> panels(List<ResultRow> cells, ToDoubleFunction<ResultRow> cost) {
    Map<String, List<ResultRow>> byPattern =
        cells.stream()
            .collect(
                Collectors.groupingBy(
                    row -> name(row, cells), LinkedHashMap::new, Collectors.toList()));
    Series front = new Series("Pareto front", GREY, Style.DOTTED, points(front(cells, cost), cost));
    List<String> names = List.copyOf(byPattern.keySet());
    List<Panel> panels = new ArrayList<>();
    for (int begin = 0; begin < names.size(); begin += MOST_CURVES) {
      List<Series> series = new ArrayList<>(List.of(front));
      for (String name : names.subList(begin, Math.min(begin + MOST_CURVES, names.size()))) {
        series.add(
            new Series(name, series.size() - 1, Style.SOLID, points(byPattern.get(name), cost)));
      }
      panels.add(new Panel("", series));
    }
    return panels;
  }

  /** The pattern's name, with its parameters where a name was asked for with several. */
  private static String name(ResultRow row, List<ResultRow> cells) {
    String name = row.cell().patternName();
    boolean several =
        cells.stream()
                .map(ResultRow::cell)
                .filter(cell -> cell.patternName().equals(name))
                .map(cell -> cell.pattern())
                .distinct()
                .count()
            > 1;
    return several ? row.cell().pattern() : name;
  }

  /** The cells that no other one beats in cost and error, in the order of their cost. */
  static List<ResultRow> front(List<ResultRow> cells, ToDoubleFunction<ResultRow> cost) {
    List<ResultRow> front = new ArrayList<>();
    double least = Double.POSITIVE_INFINITY;
    List<ResultRow> ordered =
        cells.stream()
            .filter(row -> !row.cell().patternName().equals(ORACLE))
            .sorted(Comparator.comparingDouble(cost).thenComparingDouble(PatternPlots::error))
            .toList();
    for (ResultRow row : ordered) {
      if (error(row) < least) {
        least = error(row);
        front.add(row);
      }
    }
    return front;
  }

  private static List<Point> points(List<ResultRow> rows, ToDoubleFunction<ResultRow> cost) {
    return rows.stream()
        .sorted(Comparator.comparingDouble(cost))
        .map(row -> Point.of(cost.applyAsDouble(row), error(row)))
        .toList();
  }
}
