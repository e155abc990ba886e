// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.lvsa.toolkit.blockpattern.PatternSpec;
import org.lvsa.toolkit.report.Plot.Axis;
import org.lvsa.toolkit.report.Plot.Panel;
import org.lvsa.toolkit.report.Plot.Point;
import org.lvsa.toolkit.report.Plot.Scale;
import org.lvsa.toolkit.report.Plot.Series;
import org.lvsa.toolkit.report.Plot.Style;
import org.lvsa.toolkit.sweep.PatternFacts;
import org.lvsa.toolkit.sweep.ResultRow;

/**
 * What patterns lose when their blocks get larger at the same density: larger blocks suit a GPU,
 * and keep what they would rather leave out. A curve is a pattern, a panel a density.
 */
public final class BlockSizePlots {
  private BlockSizePlots() {}

  /**
   * The rows of patterns that were measured with several sizes of blocks.
   *
   * @param measured rows of a sweep
   */
  static List<ResultRow> rows(List<ResultRow> measured) {
    List<ResultRow> patterns =
        measured.stream()
            .filter(row -> !row.cell().isScale() && row.quality().isPresent())
            .filter(row -> !row.cell().pattern().startsWith("file:"))
            .toList();
    Map<String, List<ResultRow>> curves = grouped(patterns, BlockSizePlots::curve);
    return patterns.stream()
        .filter(
            row ->
                curves.get(curve(row)).stream().map(BlockSizePlots::blockTokens).distinct().count()
                    > 1)
        .sorted(
            Comparator.comparing(PatternPlots::place)
                .thenComparingDouble(row -> row.cell().askedDensity())
                .thenComparing(BlockSizePlots::name)
                .thenComparingInt(BlockSizePlots::blockTokens))
        .toList();
  }

  /**
   * One plot per model, size, length and backend.
   *
   * @param rows as {@link #rows} gives them
   */
  static List<Plot> of(List<ResultRow> rows) {
    Map<String, List<ResultRow>> places = grouped(rows, PatternPlots::place);
    List<Plot> plots = new ArrayList<>();
    places.forEach(
        (place, cells) ->
            plots.add(
                new Plot(
                    "block-sizes"
                        + (places.size() == 1 ? "" : "-" + place.replaceAll("[^a-zA-Z0-9.]+", "-")),
                    "Error for block size: " + place,
                    "Error of the output against the tokens of a block of keys, at the same asked"
                        + " density: how much a pattern loses where it may choose less finely.",
                    new Axis("tokens of a block", Scale.LOG, ticks(cells)),
                    Axis.of("relative L2 error", Scale.FROM_ZERO),
                    panels(cells))));
    return plots;
  }

  private static List<Panel> panels(List<ResultRow> cells) {
    List<String> names = cells.stream().map(BlockSizePlots::name).distinct().toList();
    List<Panel> panels = new ArrayList<>();
    grouped(cells, BlockSizePlots::density)
        .forEach(
            (density, there) -> {
              String title = density.isEmpty() ? "own parameters" : "density " + density;
              for (int begin = 0; begin < names.size(); begin += Plot.MOST_SERIES) {
                List<Series> series = new ArrayList<>();
                int end = Math.min(begin + Plot.MOST_SERIES, names.size());
                for (String name : names.subList(begin, end)) {
                  List<Point> points =
                      there.stream()
                          .filter(row -> name(row).equals(name))
                          .map(row -> Point.of(blockTokens(row), PatternPlots.error(row)))
                          .toList();
                  if (!points.isEmpty()) {
                    series.add(
                        new Series(
                            name, names.indexOf(name) % Plot.MOST_SERIES, Style.SOLID, points));
                  }
                }
                if (!series.isEmpty()) {
                  panels.add(new Panel(title, series));
                }
              }
            });
    return panels;
  }

  private static List<Double> ticks(List<ResultRow> cells) {
    return cells.stream().map(row -> (double) blockTokens(row)).distinct().sorted().toList();
  }

  private static String curve(ResultRow row) {
    return PatternPlots.place(row) + " " + density(row) + " " + name(row);
  }

  /** The pattern without the size of its blocks. */
  static String name(ResultRow row) {
    return PatternSpec.parse(row.cell().pattern()).withoutBlocks().written();
  }

  /** The density that was asked for; empty if none was. */
  static String density(ResultRow row) {
    double asked = row.cell().askedDensity();
    return Double.isNaN(asked) ? "" : Double.toString(asked);
  }

  private static int blockTokens(ResultRow row) {
    return row.pattern().map(PatternFacts::blockTokens).orElseThrow();
  }

  private static Map<String, List<ResultRow>> grouped(
      List<ResultRow> rows, Function<ResultRow, String> by) {
    return rows.stream()
        .collect(Collectors.groupingBy(by, LinkedHashMap::new, Collectors.toList()));
  }
}
