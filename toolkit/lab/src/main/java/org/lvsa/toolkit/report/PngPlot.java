// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws a {@link Plot} as a PNG file, with XChart. */
final class PngPlot {
  private PngPlot() {}

  static void write(Plot plot, Path file) throws IOException {
    XYChart chart =
        new XYChartBuilder()
            .width(1000)
            .height(560)
            .title(plot.title())
            .xAxisTitle(plot.xLabel())
            .yAxisTitle(plot.yLabel())
            .build();
    chart
        .getStyler()
        .setLegendPosition(LegendPosition.OutsideS)
        .setChartBackgroundColor(Color.WHITE)
        .setPlotBorderVisible(false);
    chart.getStyler().setXAxisLogarithmic(plot.logarithmic());
    chart.getStyler().setYAxisLogarithmic(plot.logarithmic());
    if (!plot.logarithmic()) {
      chart.getStyler().setYAxisMin(0.0);
    }
    for (int i = 0; i < plot.series().size(); i++) {
      Plot.Series series = plot.series().get(i);
      XYSeries drawn = chart.addSeries(series.name(), series.x(), series.y());
      drawn.setLineColor(Color.decode(plot.colour(i)));
      drawn.setMarkerColor(Color.decode(plot.colour(i)));
      switch (series.style()) {
        case LINE -> drawn.setMarker(SeriesMarkers.CIRCLE);
        case DASHED -> {
          drawn.setMarker(SeriesMarkers.NONE);
          drawn.setShowInLegend(false);
          drawn.setLineStyle(
              new BasicStroke(
                  1.5f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_BEVEL, 1, new float[] {6, 5}, 0));
        }
        case POINTS -> drawn.setXYSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Scatter);
      }
    }
    ImageIO.write(BitmapEncoder.getBufferedImage(chart), "png", file.toFile());
  }
}
