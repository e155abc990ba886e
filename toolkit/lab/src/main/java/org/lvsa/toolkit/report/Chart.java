// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * A plot with one panel, put together line by line, as a notebook does it:
 *
 * <pre>{@code
 * display(new Chart("Density against length", "latent frames", "density").line("scale 0.5", x, y).image());
 * }</pre>
 *
 * <p>Lines get the palette's colours in turn; {@link Look} says what a plot looks like.
 */
public final class Chart {
  private final String title;
  private final String xLabel;
  private final String yLabel;
  private Plot.Scale yScale = Plot.Scale.FROM_ZERO;
  private final List<Double> ticks = new ArrayList<>();
  private final List<Plot.Series> series = new ArrayList<>();
  private int colours;

  /** A chart without lines, whose vertical axis starts at 0. */
  public Chart(String title, String xLabel, String yLabel) {
    this.title = title;
    this.xLabel = xLabel;
    this.yLabel = yLabel;
  }

  /** Lets the vertical axis span the data instead of starting at 0. */
  public Chart spanData() {
    yScale = Plot.Scale.LINEAR;
    return this;
  }

  /** Puts the ticks of the horizontal axis at these values. */
  public Chart ticks(Collection<? extends Number> values) {
    values.stream().map(Number::doubleValue).sorted().forEach(ticks::add);
    return this;
  }

  /** A line through points by ascending x. */
  public Chart line(String name, Collection<? extends Number> x, Collection<? extends Number> y) {
    return add(name, colours++, Plot.Style.SOLID, points(numbers(x), numbers(y), new double[0]));
  }

  /** A line whose values have an interval of {@code ± spread}. */
  public Chart line(
      String name,
      Collection<? extends Number> x,
      Collection<? extends Number> y,
      Collection<? extends Number> spread) {
    return add(name, colours++, Plot.Style.SOLID, points(numbers(x), numbers(y), numbers(spread)));
  }

  /** As {@link #line(String, Collection, Collection)}, from arrays. */
  public Chart line(String name, double[] x, double[] y) {
    return add(name, colours++, Plot.Style.SOLID, points(x, y, new double[0]));
  }

  /** A dotted line in the colour of the line before it, for what would be ideal. */
  public Chart dotted(String name, double[] x, double[] y) {
    return add(name, Math.max(colours - 1, 0), Plot.Style.DOTTED, points(x, y, new double[0]));
  }

  private Chart add(String name, int colour, Plot.Style style, List<Plot.Point> points) {
    series.add(new Plot.Series(name, colour, style, points));
    return this;
  }

  /** The chart as a plot. */
  public Plot plot() {
    return new Plot(
        "chart",
        title,
        "",
        new Plot.Axis(xLabel, Plot.Scale.LINEAR, ticks),
        Plot.Axis.of(yLabel, yScale),
        List.of(new Plot.Panel("", series)));
  }

  /** The chart as a picture. */
  public BufferedImage image() {
    return PlotPicture.of(plot());
  }

  private static double[] numbers(Collection<? extends Number> numbers) {
    return numbers.stream().mapToDouble(Number::doubleValue).toArray();
  }

  private static List<Plot.Point> points(double[] x, double[] y, double[] spread) {
    if (x.length != y.length || spread.length > 0 && spread.length != x.length) {
      throw new IllegalArgumentException(
          "a line has as many y as x, got " + y.length + " and " + x.length);
    }
    List<Plot.Point> points = new ArrayList<>();
    for (int i = 0; i < x.length; i++) {
      points.add(
          spread.length == 0
              ? Plot.Point.of(x[i], y[i])
              : new Plot.Point(x[i], y[i], y[i] - spread[i], y[i] + spread[i]));
    }
    return points;
  }
}
