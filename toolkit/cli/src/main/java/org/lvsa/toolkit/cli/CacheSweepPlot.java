// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.function.ToDoubleFunction;
import org.lvsa.toolkit.report.Plot;

/** The plot of a cache sweep: speed-up against PSNR, with the runs that no other one beats. */
final class CacheSweepPlot {
  /** How far above the best run those stand that give the very same video, in dB. */
  private static final double ABOVE = 5;

  private CacheSweepPlot() {}

  /**
   * Draws a sweep. Runs whose frames were not decoded are drawn by the distance of their latents.
   *
   * @param model that the videos were made with
   */
  static Plot of(List<CacheSweepRow> rows, String model) {
    boolean decoded = rows.stream().map(CacheSweepRow::psnrDb).allMatch(Objects::nonNull);
    double top =
        ABOVE
            + rows.stream()
                .map(CacheSweepRow::psnrDb)
                .filter(psnr -> psnr != null && !psnr.isInfinite())
                .mapToDouble(Double::doubleValue)
                .max()
                .orElse(50);
    ToDoubleFunction<CacheSweepRow> height =
        decoded ? row -> Math.min(top, row.psnrDb()) : CacheSweepRow::relL2Latents;
    List<Plot.Series> series = new ArrayList<>();
    List<String> kinds = rows.stream().map(CacheSweepRow::how).distinct().toList();
    for (String kind : kinds) {
      series.add(
          new Plot.Series(
              kind,
              series.size(),
              Plot.Style.POINTS,
              points(rows.stream().filter(row -> row.how().equals(kind)).toList(), height)));
    }
    series.add(
        new Plot.Series(
            "best",
            series.size(),
            Plot.Style.DASHED,
            points(
                rows.stream()
                    .filter(row -> rows.stream().noneMatch(other -> other.beats(row)))
                    .toList(),
                height)));
    return new Plot(
        "cache-pareto",
        "What does a step cache cost in picture for its speed? " + model,
        "",
        Plot.Axis.of("speed-up over dense without a cache", Plot.Scale.LINEAR),
        Plot.Axis.of(
            decoded ? "PSNR, dB (topmost: equal)" : "relative distance of the latents",
            Plot.Scale.LINEAR),
        List.of(new Plot.Panel("", series)));
  }

  private static List<Plot.Point> points(
      List<CacheSweepRow> rows, ToDoubleFunction<CacheSweepRow> height) {
    return rows.stream()
        .map(row -> Plot.Point.of(row.speedup(), height.applyAsDouble(row)))
        .sorted(Comparator.comparingDouble(Plot.Point::x))
        .toList();
  }
}
