// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.lvsa.toolkit.report.Plot.Series;
import org.lvsa.toolkit.report.Plot.Style;
import org.lvsa.toolkit.sweep.ResultRow;

/** The plots of a sweep. */
final class SweepPlots {
  private SweepPlots() {}

  /** All of them, for rows that were measured. */
  static List<Plot> of(List<ResultRow> rows) {
    return List.of(
        new Plot(
            "speedup",
            "Speed-up against sparsity scale",
            "Dense time over sparse time of the same kernel; 1 is no gain. A lower scale attends to"
                + " fewer frames.",
            "sparsity scale",
            "speed-up over dense",
            false,
            lines(rows, SweepPlots::atLength, ResultRow::sparsityScale, ResultRow::speedup)),
        new Plot(
            "error",
            "Error against sparsity scale",
            "Relative L2 distance of the sparse output from the dense one.",
            "sparsity scale",
            "relative L2 error",
            false,
            lines(
                withQuality(rows),
                SweepPlots::atLength,
                ResultRow::sparsityScale,
                ResultRow::relL2Error)),
        new Plot(
            "latency",
            "Latency against length",
            "Kernel time by number of frames. Dense grows with the square of the length; the dashed"
                + " line is dense time times density, where every skipped frame became time.",
            "video frames",
            "kernel time (ms)",
            true,
            latency(rows)),
        new Plot(
            "pareto",
            "Error against density",
            "What is left to compute against what it costs in quality: lower left is better.",
            "density (attended pairs / all pairs)",
            "relative L2 error",
            false,
            scatter(withQuality(rows))));
  }

  /** Rows of peers have times and no error. */
  private static List<ResultRow> withQuality(List<ResultRow> rows) {
    return rows.stream().filter(row -> row.relL2Error() != null).toList();
  }

  private static List<Series> lines(
      List<ResultRow> rows,
      Function<ResultRow, String> name,
      ToDoubleFunction<ResultRow> x,
      ToDoubleFunction<ResultRow> y) {
    List<Series> series = new ArrayList<>();
    grouped(rows, name)
        .forEach((label, group) -> series.add(series(label, Style.LINE, group, x, y)));
    return series;
  }

  private static List<Series> latency(List<ResultRow> rows) {
    List<Series> series = new ArrayList<>();
    ToDoubleFunction<ResultRow> frames = ResultRow::frames;
    grouped(rows, SweepPlots::atSize)
        .forEach(
            (size, group) -> {
              Map<Integer, ResultRow> once = new LinkedHashMap<>();
              group.forEach(row -> once.putIfAbsent(row.frames(), row));
              series.add(
                  series(
                      size + " dense",
                      Style.LINE,
                      List.copyOf(once.values()),
                      frames,
                      ResultRow::denseMs));
              grouped(group, row -> "scale " + row.sparsityScale())
                  .forEach(
                      (scale, cells) -> {
                        String label = size + " " + scale;
                        series.add(series(label, Style.LINE, cells, frames, ResultRow::sparseMs));
                        series.add(
                            series(
                                label + " ideal",
                                Style.DASHED,
                                cells,
                                frames,
                                row -> row.denseMs() * row.density()));
                      });
            });
    return series;
  }

  private static List<Series> scatter(List<ResultRow> rows) {
    List<Series> series = new ArrayList<>();
    grouped(rows, SweepPlots::atLength)
        .forEach(
            (label, group) ->
                series.add(
                    series(label, Style.POINTS, group, ResultRow::density, ResultRow::relL2Error)));
    return series;
  }

  private static Series series(
      String name,
      Style style,
      List<ResultRow> rows,
      ToDoubleFunction<ResultRow> x,
      ToDoubleFunction<ResultRow> y) {
    List<ResultRow> sorted = rows.stream().sorted(Comparator.comparingDouble(x)).toList();
    return new Series(
        name,
        style,
        sorted.stream().mapToDouble(x).boxed().toList(),
        sorted.stream().mapToDouble(y).boxed().toList());
  }

  private static Map<String, List<ResultRow>> grouped(
      List<ResultRow> rows, Function<ResultRow, String> name) {
    return rows.stream()
        .collect(Collectors.groupingBy(name, LinkedHashMap::new, Collectors.toList()));
  }

  private static String atSize(ResultRow row) {
    String size =
        row.resolution().equals("-") ? row.patchesPerFrame() + " patches" : row.resolution();
    return row.model() + " " + size + " " + implementation(row);
  }

  /** What a series is named after: a peer's rows differ in kernel, ours in backend. */
  private static String implementation(ResultRow row) {
    return row.backend().equals("torch")
        ? row.kernel().replaceFirst("torch-[^-]*-", "torch ")
        : row.backend();
  }

  private static String atLength(ResultRow row) {
    return atSize(row) + " " + row.frames() + " frames";
  }
}
