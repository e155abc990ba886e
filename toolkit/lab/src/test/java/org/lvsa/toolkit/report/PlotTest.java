// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.lvsa.toolkit.report.Plot.Axis;
import org.lvsa.toolkit.report.Plot.Panel;
import org.lvsa.toolkit.report.Plot.Point;
import org.lvsa.toolkit.report.Plot.Scale;
import org.lvsa.toolkit.report.Plot.Series;
import org.lvsa.toolkit.report.Plot.Style;

class PlotTest {
  private static final List<Double> LENGTHS = List.of(81.0, 161.0, 321.0, 481.0);

  @Test
  void ticksStandAtTheMeasuredValuesAndTheAxisSpansTheData() {
    Plot plot = latency(1);
    assertEquals(LENGTHS, Look.ticks(plot.x(), plot.xRange()));
    assertTrue(plot.xRange().low() > 70 && plot.xRange().high() < 560, plot.xRange().toString());
  }

  @Test
  void labelsThatWouldTouchAreLeftOut() {
    List<Double> near = List.of(1.0, 1.01, 2.0);
    Axis axis = new Axis("x", Scale.LINEAR, near);
    assertEquals(List.of(1.0, 2.0), Look.ticks(axis, new Plot.Range(0.9, 2.1)));
  }

  @Test
  void roundTicksLieWithinTheRange() {
    assertEquals(
        List.of(10.0, 20.0, 50.0, 100.0),
        Look.ticks(Axis.of("ms", Scale.LOG), new Plot.Range(9, 110)));
    assertEquals(
        List.of(0.0, 0.5, 1.0, 1.5, 2.0),
        Look.ticks(Axis.of("x", Scale.FROM_ZERO), new Plot.Range(0, 2.1)));
    assertEquals("1,000", Look.label(1000));
    assertEquals("0.75", Look.label(0.75));
  }

  @Test
  void namesAtLineEndsKeepTheirDistance() {
    Plot plot = latency(6);
    double pixels = 250;
    List<Look.EndLabel> labels = Look.endLabels(plot, plot.panels().getFirst(), pixels);
    assertEquals(6, labels.size());
    for (int i = 1; i < labels.size(); i++) {
      double distance = (labels.get(i).height() - labels.get(i - 1).height()) * pixels;
      assertTrue(distance > 14.9, "labels " + i + " are " + distance + " pixels apart");
    }
    assertTrue(labels.getLast().height() <= 1 && labels.getFirst().height() >= 0);
  }

  @Test
  void thePictureHasEverySeriesInItsColourAndItsInterval() {
    BufferedImage image = PlotPicture.of(latency(3));
    for (int series = 0; series < 3; series++) {
      int rgb = Color.decode(Look.PALETTE.get(series)).getRGB();
      assertTrue(count(image, rgb) > 200, "series " + series + " is not drawn");
    }
    // Thin lines are blended with the background, so bluish pixels count and not one colour.
    BufferedImage whiskers =
        PlotPicture.of(with(List.of(new Point(1, 2, 1, 4), new Point(2, 3, 2, 5))));
    BufferedImage bare = PlotPicture.of(with(List.of(Point.of(1, 2), Point.of(2, 3))));
    assertTrue(bluish(whiskers) > bluish(bare) + 50, "the intervals are not drawn");
  }

  @Test
  void theChartOfThePageHasAGridPerPanelAndTheIntervals() {
    JsonNode option = EchartsPlot.option(with(List.of(new Point(1, 2, 1, 4), Point.of(2, 3))));
    assertEquals(1, option.get("grid").size());
    List<String> types = new ArrayList<>();
    option.get("series").forEach(series -> types.add(series.get("type").textValue()));
    assertEquals(List.of("line", "line", "custom"), types);
    assertEquals(1, option.get("series").get(2).get("data").size());
  }

  @Test
  void aPlotWithoutPanelsIsRefused() {
    Axis axis = Axis.of("x", Scale.LINEAR);
    assertThrows(
        IllegalArgumentException.class, () -> new Plot("id", "t", "c", axis, axis, List.of()));
  }

  @Test
  void paletteColoursDiffer() {
    assertEquals(Look.PALETTE.size(), Look.PALETTE.stream().distinct().count());
    assertFalse(Look.PALETTE.size() < Plot.MOST_SERIES);
  }

  private static Plot with(List<Point> points) {
    return new Plot(
        "id",
        "title",
        "caption",
        Axis.of("x", Scale.LINEAR),
        Axis.of("y", Scale.FROM_ZERO),
        List.of(new Panel("", List.of(new Series("", 0, Style.SOLID, points)))));
  }

  private static Plot latency(int lines) {
    List<Series> series =
        IntStream.range(0, lines)
            .mapToObj(
                i ->
                    new Series(
                        "kernel " + i,
                        i,
                        Style.SOLID,
                        LENGTHS.stream().map(x -> Point.of(x, x * (1 + i / 100.0))).toList()))
            .toList();
    return new Plot(
        "latency",
        "title",
        "caption",
        new Axis("frames", Scale.LOG, LENGTHS),
        Axis.of("ms", Scale.LOG),
        List.of(new Panel("", series)));
  }

  private static long bluish(BufferedImage image) {
    return pixels(image).filter(rgb -> (rgb & 0xFF) - (rgb >> 16 & 0xFF) > 40).count();
  }

  private static long count(BufferedImage image, int rgb) {
    return pixels(image).filter(pixel -> pixel == rgb).count();
  }

  private static IntStream pixels(BufferedImage image) {
    int width = image.getWidth();
    return Arrays.stream(image.getRGB(0, 0, width, image.getHeight(), null, 0, width));
  }
}
