// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.lvsa.toolkit.report.Plot.Axis;
import org.lvsa.toolkit.report.Plot.Panel;
import org.lvsa.toolkit.report.Plot.Point;
import org.lvsa.toolkit.report.Plot.Scale;
import org.lvsa.toolkit.report.Plot.Series;
import org.lvsa.toolkit.report.Plot.Style;
import org.lvsa.toolkit.sweep.ResultRow;

/**
 * The plots of a sweep, one set per model and resolution. Colour is the implementation (backend, or
 * the peer's kernel) wherever there are several of them, and the length elsewhere.
 */
public final class SweepPlots {
  private static final int GREY = Look.PALETTE.size() - 1;
  private static final int MOST_PANELS = 6;

  private SweepPlots() {}

  /**
   * All plots.
   *
   * @param rows measured rows, of one sweep or several
   */
  public static List<Plot> of(List<ResultRow> rows) {
    Map<String, List<PlottedCell>> places = grouped(cells(rows), PlottedCell::place);
    List<Plot> plots = new ArrayList<>();
    places.forEach(
        (place, cells) -> {
          String suffix = places.size() == 1 ? "" : "-" + place.replaceAll("[^a-zA-Z0-9.]+", "-");
          plots.add(speedup(place, suffix, cells));
          plots.add(latency(place, suffix, cells));
          List<PlottedCell> judged = cells.stream().filter(PlottedCell::hasError).toList();
          if (!judged.isEmpty()) {
            plots.add(error(place, suffix, judged));
            plots.add(pareto(place, suffix, judged));
          }
        });
    return plots;
  }

  static List<PlottedCell> cells(List<ResultRow> rows) {
    return rows.stream().map(PlottedCell::of).toList();
  }

  private static Plot speedup(String place, String suffix, List<PlottedCell> cells) {
    List<String> colours = implementations(cells);
    List<Panel> panels = new ArrayList<>();
    byLength(cells)
        .forEach(
            (frames, ofLength) -> {
              List<Series> series = new ArrayList<>();
              series.add(
                  new Series(
                      "ideal",
                      GREY,
                      Style.DOTTED,
                      points(
                          onePerX(ofLength, PlottedCell::scale),
                          PlottedCell::scale,
                          cell -> 1 / cell.density())));
              grouped(ofLength, PlottedCell::implementation)
                  .forEach(
                      (name, ofOne) ->
                          series.add(
                              new Series(
                                  name,
                                  colours.indexOf(name),
                                  Style.SOLID,
                                  sorted(ofOne, PlottedCell::scale).stream()
                                      .map(
                                          c ->
                                              new Point(
                                                  c.scale(),
                                                  c.speedup(),
                                                  c.speedupLow(),
                                                  c.speedupHigh()))
                                      .toList())));
              panels.add(new Panel(frames + " frames", series));
            });
    return new Plot(
        "speedup" + suffix,
        "How much faster than dense? " + place,
        "Dense time over sparse time of the same kernel, with the 95 % interval. A lower sparsity"
            + " scale attends to fewer frames. Dotted: what it would be if every skipped frame"
            + " became time.",
        new Axis("sparsity scale", Scale.LINEAR, distinct(cells, PlottedCell::scale)),
        Axis.of("speed-up over dense", Scale.FROM_ZERO),
        panels);
  }

  private static Plot latency(String place, String suffix, List<PlottedCell> cells) {
    List<String> names = implementations(cells);
    List<Panel> panels = new ArrayList<>();
    if (2 * names.size() <= Plot.MOST_SERIES) {
      grouped(sorted(cells, PlottedCell::scale), PlottedCell::scale)
          .forEach(
              (scale, ofScale) -> {
                List<Series> series = new ArrayList<>();
                grouped(ofScale, PlottedCell::implementation)
                    .forEach(
                        (name, ofOne) -> {
                          int colour = names.indexOf(name);
                          series.add(dense(name + " dense", colour, ofOne));
                          series.add(sparse(name + " sparse", colour, ofOne));
                        });
                panels.add(new Panel("sparsity scale " + Look.label(scale), series));
              });
    } else {
      grouped(cells, PlottedCell::implementation)
          .forEach(
              (name, ofOne) -> {
                int colour = names.indexOf(name);
                List<Series> series = new ArrayList<>();
                series.add(dense("dense", colour, onePerX(ofOne, PlottedCell::frames)));
                evenly(
                        grouped(sorted(ofOne, PlottedCell::scale), PlottedCell::scale),
                        Plot.MOST_SERIES - 1)
                    .forEach(
                        (scale, ofScale) ->
                            series.add(sparse("scale " + Look.label(scale), colour, ofScale)));
                panels.add(new Panel(name, series));
              });
    }
    return new Plot(
        "latency" + suffix,
        "How long does attention take? " + place,
        "Kernel time by number of video frames; dashed is dense, solid is sparse. Dense time grows"
            + " with the square of the length.",
        new Axis("video frames", Scale.LOG, distinct(cells, PlottedCell::frames)),
        Axis.of("kernel time (ms)", Scale.LOG),
        panels);
  }

  private static Series dense(String name, int colour, List<PlottedCell> cells) {
    return new Series(
        name, colour, Style.DASHED, points(cells, PlottedCell::frames, PlottedCell::denseMs));
  }

  private static Series sparse(String name, int colour, List<PlottedCell> cells) {
    return new Series(
        name, colour, Style.SOLID, points(cells, PlottedCell::frames, PlottedCell::sparseMs));
  }

  private static Plot error(String place, String suffix, List<PlottedCell> judged) {
    return new Plot(
        "error" + suffix,
        "What does the output lose? " + place,
        "Relative L2 distance of the sparse output from the dense one, a line per length.",
        new Axis("sparsity scale", Scale.LINEAR, distinct(judged, PlottedCell::scale)),
        Axis.of("relative L2 error", Scale.FROM_ZERO),
        List.of(
            new Panel("", lengths(judged, Style.SOLID, PlottedCell::scale, PlottedCell::error))));
  }

  private static Plot pareto(String place, String suffix, List<PlottedCell> judged) {
    return new Plot(
        "pareto" + suffix,
        "What does each density cost? " + place,
        "Error against what is left to compute: lower left is better.",
        Axis.of("density (attended pairs / all pairs)", Scale.FROM_ZERO),
        Axis.of("relative L2 error", Scale.FROM_ZERO),
        List.of(
            new Panel("", lengths(judged, Style.SOLID, PlottedCell::density, PlottedCell::error))));
  }

  /** A series per length; the error is the pattern's, so one implementation's cells suffice. */
  private static List<Series> lengths(
      List<PlottedCell> judged,
      Style style,
      ToDoubleFunction<PlottedCell> x,
      ToDoubleFunction<PlottedCell> y) {
    String first = judged.getFirst().implementation();
    List<PlottedCell> ofOne =
        judged.stream().filter(cell -> cell.implementation().equals(first)).toList();
    List<Series> series = new ArrayList<>();
    byLength(ofOne)
        .forEach(
            (frames, cells) ->
                series.add(
                    new Series(frames + " frames", series.size(), style, points(cells, x, y))));
    return series;
  }

  private static Map<Integer, List<PlottedCell>> byLength(List<PlottedCell> cells) {
    return evenly(
        new TreeMap<>(cells.stream().collect(Collectors.groupingBy(PlottedCell::frames))),
        MOST_PANELS);
  }

  /** At most {@code most} entries of a map, evenly spread, the first and the last among them. */
  static <K, V> Map<K, V> evenly(Map<K, V> all, int most) {
    if (all.size() <= most) {
      return all;
    }
    List<K> keys = List.copyOf(all.keySet());
    Map<K, V> some = new LinkedHashMap<>();
    for (int i = 0; i < most; i++) {
      K key = keys.get((int) Math.round(i * (keys.size() - 1.0) / (most - 1)));
      some.put(key, all.get(key));
    }
    return some;
  }

  private static List<Point> points(
      List<PlottedCell> cells, ToDoubleFunction<PlottedCell> x, ToDoubleFunction<PlottedCell> y) {
    return sorted(cells, x).stream()
        .map(cell -> Point.of(x.applyAsDouble(cell), y.applyAsDouble(cell)))
        .toList();
  }

  private static List<PlottedCell> sorted(
      List<PlottedCell> cells, ToDoubleFunction<PlottedCell> by) {
    return cells.stream().sorted(Comparator.comparingDouble(by)).toList();
  }

  private static List<PlottedCell> onePerX(
      List<PlottedCell> cells, ToDoubleFunction<PlottedCell> x) {
    Map<Double, PlottedCell> once = new LinkedHashMap<>();
    cells.forEach(cell -> once.putIfAbsent(x.applyAsDouble(cell), cell));
    return List.copyOf(once.values());
  }

  private static List<Double> distinct(List<PlottedCell> cells, ToDoubleFunction<PlottedCell> of) {
    return cells.stream().mapToDouble(of).distinct().sorted().boxed().toList();
  }

  private static List<String> implementations(List<PlottedCell> cells) {
    return cells.stream().map(PlottedCell::implementation).distinct().toList();
  }

  private static <K> Map<K, List<PlottedCell>> grouped(
      List<PlottedCell> cells, Function<PlottedCell, K> by) {
    return cells.stream()
        .collect(Collectors.groupingBy(by, LinkedHashMap::new, Collectors.toList()));
  }
}
