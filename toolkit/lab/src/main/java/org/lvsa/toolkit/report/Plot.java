// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.util.List;

/**
 * A plot, before anybody has drawn it: the same one becomes an interactive chart in the page and a
 * PNG file.
 *
 * @param id file name and HTML id
 * @param title above it
 * @param caption what it shows and how to read it
 * @param xLabel below it
 * @param yLabel beside it
 * @param logarithmic both axes, or neither
 * @param series what is drawn
 */
record Plot(
    String id,
    String title,
    String caption,
    String xLabel,
    String yLabel,
    boolean logarithmic,
    List<Series> series) {

  private static final List<String> PALETTE =
      List.of(
          "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf",
          "#bcbd22", "#7f7f7f");

  /**
   * Colour of a series, {@code #rrggbb}: the next of the palette, or for a dashed line that of the
   * line before it, to which it is the ideal.
   */
  String colour(int index) {
    long drawn =
        series.stream().limit(index + 1L).filter(one -> one.style() != Style.DASHED).count();
    return PALETTE.get((int) (Math.max(drawn - 1, 0) % PALETTE.size()));
  }

  /** How a series is drawn. */
  enum Style {
    /** Points joined by a line. */
    LINE,
    /** A dashed line, for what would be ideal; follows its line, and is not in the legend. */
    DASHED,
    /** Points alone. */
    POINTS
  }

  /**
   * Points, by rising x.
   *
   * @param name in the legend
   * @param style how it is drawn
   * @param x abscissas
   * @param y ordinates, as many
   */
  record Series(String name, Style style, List<Double> x, List<Double> y) {}
}
