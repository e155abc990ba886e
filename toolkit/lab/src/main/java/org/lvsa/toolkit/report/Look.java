// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/** What every plot of the toolkit looks like, in HTML, in PNG files and in notebooks. */
public final class Look {
  /**
   * Colours of series, {@code #rrggbb}, that colour-blind eyes tell apart. Source: Okabe and Ito,
   * "Color Universal Design", without the yellow, which is too pale for a thin line.
   */
  public static final List<String> PALETTE =
      List.of("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666");

  /** Width of a line in pixels. */
  static final float LINE = 2f;

  /** Width of a dotted line and of an interval in pixels. */
  static final float THIN = 1.2f;

  /** Diameter of a point in pixels. */
  static final int POINT = 7;

  /** Pattern of a dashed line in pixels: drawn, left out. */
  static final float[] DASHES = {7, 5};

  /** Pattern of a dotted line in pixels: drawn, left out. */
  static final float[] DOTS = {2, 4};

  /** Height of a label at a line's end in pixels. */
  private static final double LABEL_PIXELS = 15;

  private static final int MOST_TICKS = 7;

  /** Two tick labels nearer than this share of the axis would touch. */
  private static final double NEAREST = 0.055;

  private Look() {}

  /** Colour of a series, {@code #rrggbb}. */
  static String colour(Plot.Series series) {
    return PALETTE.get(Math.floorMod(series.colour(), PALETTE.size()));
  }

  /** Panels beside each other. */
  static int columns(Plot plot) {
    int panels = plot.panels().size();
    return panels <= 3 ? panels : panels == 4 ? 2 : 3;
  }

  /** Where the ticks of an axis stand: the measured values, or round numbers within the range. */
  static List<Double> ticks(Plot.Axis axis, Plot.Range range) {
    if (!axis.ticks().isEmpty()) {
      return apart(axis, range);
    }
    return axis.scale() == Plot.Scale.LOG ? roundRatios(range) : roundSteps(range);
  }

  /** Leaves out each measured value whose label would touch the label before it. */
  private static List<Double> apart(Plot.Axis axis, Plot.Range range) {
    List<Double> kept = new ArrayList<>();
    for (double tick : axis.ticks()) {
      boolean inside = tick >= range.low() && tick <= range.high();
      if (inside
          && (kept.isEmpty()
              || position(axis, range, tick) - position(axis, range, kept.getLast()) >= NEAREST)) {
        kept.add(tick);
      }
    }
    return kept;
  }

  /** Where a value lies on an axis: 0 at its lower end, 1 at its upper end. */
  static double position(Plot.Axis axis, Plot.Range range, double value) {
    if (axis.scale() == Plot.Scale.LOG) {
      return Math.log(value / range.low()) / Math.log(range.high() / range.low());
    }
    return (value - range.low()) / (range.high() - range.low());
  }

  private static List<Double> roundSteps(Plot.Range range) {
    double step = roundUp((range.high() - range.low()) / MOST_TICKS);
    List<Double> ticks = new ArrayList<>();
    for (long i = (long) Math.ceil(range.low() / step - 1e-9); i * step <= range.high(); i++) {
      ticks.add(i * step);
    }
    return ticks;
  }

  /** 1, 2, 5, 10, … ; in a range of several decades 1, 10, 100, …. */
  private static List<Double> roundRatios(Plot.Range range) {
    double[] factors = range.high() / range.low() > 1e3 ? new double[] {1} : new double[] {1, 2, 5};
    List<Double> ticks = new ArrayList<>();
    int first = (int) Math.floor(Math.log10(range.low()));
    int last = (int) Math.floor(Math.log10(range.high()));
    for (int decade = first; decade <= last; decade++) {
      for (double factor : factors) {
        double tick = factor * Math.pow(10, decade);
        if (tick >= range.low() && tick <= range.high()) {
          ticks.add(tick);
        }
      }
    }
    return ticks.size() >= 2 ? ticks : roundSteps(range);
  }

  private static double roundUp(double step) {
    double decade = Math.pow(10, Math.floor(Math.log10(step)));
    for (double factor : new double[] {1, 2, 5}) {
      if (factor * decade >= step * (1 - 1e-9)) {
        return factor * decade;
      }
    }
    return 10 * decade;
  }

  /** A tick's label: no more digits than it has. */
  static String label(double tick) {
    if (tick == Math.rint(tick) && Math.abs(tick) < 1e7) {
      return String.format(Locale.ROOT, "%,d", (long) tick);
    }
    String text = String.format(Locale.ROOT, "%.4f", tick).replaceAll("0+$", "");
    return Math.abs(tick) >= 1e-3 ? text : String.format(Locale.ROOT, "%.0e", tick);
  }

  /**
   * A name at the end of a line.
   *
   * @param series whose name
   * @param end where the line ends: 0 at the lower end of the vertical axis, 1 at its upper end
   * @param height where the name stands, moved so that it covers no other one
   */
  record EndLabel(Plot.Series series, double end, double height) {}

  /**
   * Names at the ends of a panel's lines, from the lowest to the highest.
   *
   * @param pixels height of the panel's vertical axis
   */
  static List<EndLabel> endLabels(Plot plot, Plot.Panel panel, double pixels) {
    List<Plot.Series> named =
        panel.series().stream()
            .filter(s -> !s.name().isEmpty() && !s.points().isEmpty())
            .sorted(Comparator.comparingDouble(s -> s.points().getLast().y()))
            .toList();
    double[] ends =
        named.stream()
            .mapToDouble(s -> position(plot.y(), plot.yRange(), s.points().getLast().y()))
            .toArray();
    double[] heights = apart(ends, LABEL_PIXELS / pixels);
    return IntStream.range(0, ends.length)
        .mapToObj(i -> new EndLabel(named.get(i), ends[i], heights[i]))
        .toList();
  }

  /** Moves ascending heights apart to a distance, staying within 0 and 1. */
  private static double[] apart(double[] ascending, double distance) {
    double[] moved = ascending.clone();
    for (int i = 1; i < moved.length; i++) {
      moved[i] = Math.max(moved[i], moved[i - 1] + distance);
    }
    double top = 1;
    for (int i = moved.length - 1; i >= 0; i--) {
      moved[i] = Math.min(moved[i], top);
      top = moved[i] - distance;
    }
    return moved;
  }
}
