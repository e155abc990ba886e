// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jfree.chart.ChartRenderingInfo;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.LogAxis;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.axis.NumberTick;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYErrorRenderer;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.chart.title.TextTitle;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.RectangleInsets;
import org.jfree.chart.ui.TextAnchor;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;
import org.jfree.data.xy.YIntervalSeries;
import org.jfree.data.xy.YIntervalSeriesCollection;
import org.lvsa.toolkit.io.Png;

/** Draws a {@link Plot} as a picture, for PNG files and notebooks, with JFreeChart. */
public final class PlotPicture {
  private static final Color INK = new Color(0x333333);
  private static final Color GRID = new Color(0xE4E4E4);
  private static final int TITLE_HEIGHT = 40;

  /** From a line's end to its label, in pixels. */
  private static final double LABEL_GAP = 9;

  private PlotPicture() {}

  /**
   * The plot at a size that suits a README: 900 pixels wide, panels in up to three columns.
   *
   * @param plot what to draw
   * @return the picture, without transparency
   * @throws org.lvsa.toolkit.backend.UnavailableException if this machine has no fonts
   */
  public static BufferedImage of(Plot plot) {
    Fonts.require();
    int columns = Look.columns(plot);
    int rows = Math.ceilDiv(plot.panels().size(), columns);
    int width = columns == 1 ? 760 : columns == 2 ? 1000 : 1260;
    int panelHeight = columns == 1 ? 420 : 330;
    BufferedImage image =
        new BufferedImage(width, TITLE_HEIGHT + rows * panelHeight, BufferedImage.TYPE_INT_RGB);
    Graphics2D g = image.createGraphics();
    g.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    g.setColor(Color.WHITE);
    g.fillRect(0, 0, image.getWidth(), image.getHeight());
    g.setColor(INK);
    g.setFont(new Font(Font.SANS_SERIF, Font.BOLD, 17));
    g.drawString(plot.title(), 16, 27);
    for (int i = 0; i < plot.panels().size(); i++) {
      double panelWidth = (double) width / columns;
      Plot.Panel panel = plot.panels().get(i);
      ChartRenderingInfo drawn = new ChartRenderingInfo();
      chart(plot, panel)
          .draw(
              g,
              new Rectangle2D.Double(
                  i % columns * panelWidth,
                  TITLE_HEIGHT + i / columns * (double) panelHeight,
                  panelWidth,
                  panelHeight),
              drawn);
      endLabels(g, plot, panel, drawn.getPlotInfo().getDataArea());
    }
    g.dispose();
    return image;
  }

  /** Writes the plot as a PNG file, whole or not at all. */
  static void write(Plot plot, Path file) throws IOException {
    write(of(plot), file);
  }

  /** Writes a picture as a PNG file, whole or not at all. */
  static void write(BufferedImage picture, Path file) throws IOException {
    Png.write(picture, file);
  }

  private static JFreeChart chart(Plot plot, Plot.Panel panel) {
    XYSeriesCollection lines = new XYSeriesCollection();
    XYLineAndShapeRenderer renderer = new XYLineAndShapeRenderer();
    YIntervalSeriesCollection intervals = new YIntervalSeriesCollection();
    XYErrorRenderer whiskers = new XYErrorRenderer();
    whiskers.setDrawXError(false);
    whiskers.setDefaultShapesVisible(false);
    whiskers.setErrorStroke(new BasicStroke(Look.THIN));
    for (int i = 0; i < panel.series().size(); i++) {
      Plot.Series series = panel.series().get(i);
      XYSeries points = new XYSeries(i);
      YIntervalSeries measured = new YIntervalSeries(i);
      for (Plot.Point point : series.points()) {
        points.add(point.x(), point.y());
        if (point.hasInterval()) {
          measured.add(point.x(), point.y(), point.low(), point.high());
        }
      }
      lines.addSeries(points);
      style(renderer, i, series);
      intervals.addSeries(measured);
      whiskers.setSeriesPaint(i, Color.decode(Look.colour(series)));
    }
    XYPlot drawn =
        new XYPlot(lines, axis(plot.x(), plot.xRange()), axis(plot.y(), plot.yRange()), renderer);
    drawn.setDataset(1, intervals);
    drawn.setRenderer(1, whiskers);
    drawn.setBackgroundPaint(Color.WHITE);
    drawn.setOutlineVisible(false);
    drawn.setDomainGridlinePaint(GRID);
    drawn.setRangeGridlinePaint(GRID);
    drawn.setDomainGridlineStroke(new BasicStroke(1));
    drawn.setRangeGridlineStroke(new BasicStroke(1));
    int longest = panel.series().stream().mapToInt(s -> s.name().length()).max().orElse(0);
    // Room to the right of the axes for the names at the lines' ends.
    drawn.setInsets(new RectangleInsets(4, 8, 4, 16 + 7.4 * longest));
    JFreeChart chart = new JFreeChart(null, JFreeChart.DEFAULT_TITLE_FONT, drawn, false);
    chart.setBackgroundPaint(Color.WHITE);
    if (!panel.title().isEmpty()) {
      TextTitle title = new TextTitle(panel.title(), new Font(Font.SANS_SERIF, Font.BOLD, 13));
      title.setPosition(RectangleEdge.TOP);
      title.setPaint(INK);
      chart.setTitle(title);
    }
    return chart;
  }

  private static void style(XYLineAndShapeRenderer renderer, int index, Plot.Series series) {
    Color colour = Color.decode(Look.colour(series));
    double radius = Look.POINT / 2.0;
    renderer.setSeriesPaint(index, colour);
    renderer.setSeriesShape(index, new Ellipse2D.Double(-radius, -radius, Look.POINT, Look.POINT));
    renderer.setSeriesLinesVisible(index, series.style() != Plot.Style.POINTS);
    renderer.setSeriesShapesVisible(index, series.style() != Plot.Style.DOTTED);
    renderer.setSeriesShapesFilled(index, true);
    renderer.setSeriesStroke(
        index,
        switch (series.style()) {
          case DASHED -> stroke(Look.LINE, Look.DASHES);
          case DOTTED -> stroke(Look.THIN, Look.DOTS);
          case SOLID, POINTS -> new BasicStroke(Look.LINE);
        });
  }

  private static BasicStroke stroke(float width, float[] dashes) {
    return new BasicStroke(width, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1, dashes, 0);
  }

  /** JFreeChart asks the axis for its ticks, so an axis with given ticks is a subclass. */
  private static ValueAxis axis(Plot.Axis axis, Plot.Range range) {
    List<NumberTick> ticks =
        Look.ticks(axis, range).stream()
            .map(t -> new NumberTick(t, Look.label(t), TextAnchor.TOP_CENTER, TextAnchor.CENTER, 0))
            .toList();
    List<NumberTick> sideways =
        ticks.stream()
            .map(
                t ->
                    new NumberTick(
                        t.getNumber(), t.getText(), TextAnchor.CENTER_RIGHT, TextAnchor.CENTER, 0))
            .toList();
    ValueAxis drawn =
        axis.scale() == Plot.Scale.LOG
            ? new LogAxis(axis.label()) {
              private static final long serialVersionUID = 1;

              @Override
              public List<?> refreshTicks(
                  Graphics2D g,
                  org.jfree.chart.axis.AxisState state,
                  Rectangle2D area,
                  RectangleEdge edge) {
                return RectangleEdge.isLeftOrRight(edge) ? sideways : ticks;
              }
            }
            : new NumberAxis(axis.label()) {
              private static final long serialVersionUID = 1;

              @Override
              public List<?> refreshTicks(
                  Graphics2D g,
                  org.jfree.chart.axis.AxisState state,
                  Rectangle2D area,
                  RectangleEdge edge) {
                return RectangleEdge.isLeftOrRight(edge) ? sideways : ticks;
              }
            };
    drawn.setRange(range.low(), range.high());
    drawn.setLabelFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13));
    drawn.setTickLabelFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
    drawn.setLabelPaint(INK);
    drawn.setTickLabelPaint(INK);
    drawn.setAxisLinePaint(INK);
    return drawn;
  }

  /** Names at the lines' ends, moved apart where they would cover each other. */
  private static void endLabels(Graphics2D g, Plot plot, Plot.Panel panel, Rectangle2D area) {
    List<Look.EndLabel> labels = Look.endLabels(plot, panel, area.getHeight());
    g.setFont(new Font(Font.SANS_SERIF, Font.BOLD, 12));
    for (Look.EndLabel label : labels) {
      double x = Look.position(plot.x(), plot.xRange(), label.series().points().getLast().x());
      g.setColor(Color.decode(Look.colour(label.series())));
      g.drawString(
          label.series().name(),
          (float) (area.getX() + x * area.getWidth() + LABEL_GAP),
          (float) (area.getMaxY() - label.height() * area.getHeight() + 4));
    }
  }
}
