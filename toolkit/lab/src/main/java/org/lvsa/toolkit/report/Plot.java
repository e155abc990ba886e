// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.util.List;
import java.util.stream.DoubleStream;

/**
 * A plot that answers one question, before anybody has drawn it. The same plot becomes an
 * interactive chart in {@code report.html} ({@link EchartsPlot}) and a picture in a PNG file or a
 * notebook ({@link PlotPicture}). What the two share, colours included, is decided here and in
 * {@link Look}.
 *
 * <p>All panels share both axes, so that their lines can be compared by eye.
 *
 * @param id file name and HTML id
 * @param title the question, and what all series share (model, resolution)
 * @param caption how to read the plot
 * @param x the horizontal axis
 * @param y the vertical axis
 * @param panels small multiples, at least one
 */
public record Plot(String id, String title, String caption, Axis x, Axis y, List<Panel> panels) {
  /** A panel holds at most this many series; more of them go to panels of their own. */
  public static final int MOST_SERIES = 6;

  private static final double MARGIN = 0.05;

  /** Lists are copied. */
  public Plot {
    panels = List.copyOf(panels);
    if (panels.isEmpty()) {
      throw new IllegalArgumentException("plot " + id + " has no panel");
    }
  }

  /**
   * An axis.
   *
   * @param label what it shows, with the unit
   * @param scale how values become positions
   * @param ticks where ticks stand: the measured values, ascending; empty for round numbers
   */
  public record Axis(String label, Scale scale, List<Double> ticks) {
    /** Ticks are copied. */
    public Axis {
      ticks = List.copyOf(ticks);
    }

    /** An axis with round numbers as its ticks. */
    public static Axis of(String label, Scale scale) {
      return new Axis(label, scale, List.of());
    }
  }

  /** How values become positions on an axis. */
  public enum Scale {
    /** Equal steps for equal differences; the axis spans the data. */
    LINEAR,
    /** As {@link #LINEAR}, from 0. */
    FROM_ZERO,
    /** Equal steps for equal ratios; the axis spans the data. */
    LOG
  }

  /**
   * One of the small multiples.
   *
   * @param title what its series have in common and those of other panels have not; may be empty
   * @param series what is drawn
   */
  public record Panel(String title, List<Series> series) {
    /** Series are copied. */
    public Panel {
      series = List.copyOf(series);
    }
  }

  /**
   * A series of points, with or without a line through them.
   *
   * @param name stands at the end of the line; empty for a line that explains itself
   * @param colour number in {@link Look#PALETTE}; the same number means the same thing in all
   *     panels
   * @param style how it is drawn
   * @param points by ascending x
   */
  public record Series(String name, int colour, Style style, List<Point> points) {
    /** Points are copied. */
    public Series {
      points = List.copyOf(points);
    }
  }

  /** How a series is drawn. */
  public enum Style {
    /** Points joined by a line. */
    SOLID,
    /** Points joined by a dashed line. */
    DASHED,
    /** A thin dotted line without points, for what would be ideal. */
    DOTTED,
    /** Points alone. */
    POINTS
  }

  /**
   * A measured value with its interval.
   *
   * @param x abscissa
   * @param y ordinate
   * @param low lower end of the interval of y; y itself if none is known
   * @param high upper end of the interval of y; y itself if none is known
   */
  public record Point(double x, double y, double low, double high) {
    /** A value whose interval is not known. */
    public static Point of(double x, double y) {
      return new Point(x, y, y, y);
    }

    /** Whether there is an interval to draw. */
    public boolean hasInterval() {
      return low < high && Double.isFinite(low) && Double.isFinite(high);
    }
  }

  /** What the horizontal axis spans. */
  public Range xRange() {
    return Range.of(x.scale(), points().mapMultiToDouble((p, next) -> next.accept(p.x())));
  }

  /** What the vertical axis spans, intervals included. */
  public Range yRange() {
    return Range.of(
        y.scale(),
        points()
            .mapMultiToDouble(
                (p, next) -> {
                  next.accept(p.y());
                  if (p.hasInterval()) {
                    next.accept(p.low());
                    next.accept(p.high());
                  }
                }));
  }

  private java.util.stream.Stream<Point> points() {
    return panels.stream()
        .flatMap(panel -> panel.series().stream())
        .flatMap(series -> series.points().stream());
  }

  /** From the smallest to the largest value of an axis, with a margin. */
  public record Range(double low, double high) {
    static Range of(Scale scale, DoubleStream values) {
      double[] usable =
          values
              .filter(value -> Double.isFinite(value) && (scale != Scale.LOG || value > 0))
              .sorted()
              .toArray();
      if (usable.length == 0) {
        return scale == Scale.LOG ? new Range(1, 10) : new Range(0, 1);
      }
      double low = usable[0];
      double high = usable[usable.length - 1];
      if (scale == Scale.LOG) {
        double ratio = high > low ? Math.pow(high / low, MARGIN) : 1.5;
        return new Range(low / ratio, high * ratio);
      }
      double pad = high > low ? (high - low) * MARGIN : Math.max(Math.abs(high) * 0.1, 0.1);
      return scale == Scale.FROM_ZERO
          ? new Range(Math.min(0, low), high + pad)
          : new Range(low - pad, high + pad);
    }
  }
}
