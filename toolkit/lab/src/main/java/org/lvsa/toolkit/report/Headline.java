// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A sweep's result in one sentence per model and resolution: gain and loss at the longest video.
 */
final class Headline {
  private Headline() {}

  /** The sentences, in the order of the rows. */
  static List<String> of(List<PlottedCell> cells) {
    Map<String, PlottedCell> best = new LinkedHashMap<>();
    Comparator<PlottedCell> byLengthThenGain =
        Comparator.comparingInt(PlottedCell::frames).thenComparingDouble(PlottedCell::speedup);
    cells.stream()
        .filter(cell -> cell.hasError() && cell.density() < 1)
        .forEach(
            cell ->
                best.merge(
                    cell.place(), cell, (a, b) -> byLengthThenGain.compare(a, b) >= 0 ? a : b));
    return best.values().stream().map(Headline::sentence).toList();
  }

  private static String sentence(PlottedCell cell) {
    String interval =
        Double.isFinite(cell.speedupLow())
            ? String.format(Locale.ROOT, " (%.2f to %.2f)", cell.speedupLow(), cell.speedupHigh())
            : "";
    String recall =
        Double.isFinite(cell.recall())
            ? String.format(Locale.ROOT, ", recall %.2f", cell.recall())
            : "";
    return String.format(
        Locale.ROOT,
        "%s: at sparsity scale %s and %d frames, attention by %s is %.2f times faster%s than dense;"
            + " error %.2g%s.",
        cell.place(),
        Look.label(cell.scale()),
        cell.frames(),
        cell.implementation(),
        cell.speedup(),
        interval,
        cell.error(),
        recall);
  }
}
