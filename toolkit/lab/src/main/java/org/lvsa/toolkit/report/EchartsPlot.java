// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A {@link Plot} as an option object for ECharts. Colours that depend on the page's light or dark
 * mode stand as {@code $ink} and {@code $grid}; the page's script puts the colours in, and the
 * drawing function of the intervals.
 */
final class EchartsPlot {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** About how many pixels a vertical axis has on the page. */
  private static final double AXIS_PIXELS = 230;

  private EchartsPlot() {}

  static ObjectNode option(Plot plot) {
    ObjectNode option = JSON.createObjectNode();
    option.put("animation", false);
    ArrayNode titles = option.putArray("title");
    titles
        .addObject()
        .put("text", plot.title())
        .put("left", 8)
        .putObject("textStyle")
        .put("color", "$ink")
        .put("fontSize", 16);
    option.putObject("tooltip").put("trigger", "item");
    int columns = Look.columns(plot);
    int rows = Math.ceilDiv(plot.panels().size(), columns);
    ArrayNode grids = option.putArray("grid");
    ArrayNode xAxes = option.putArray("xAxis");
    ArrayNode yAxes = option.putArray("yAxis");
    ArrayNode series = option.putArray("series");
    for (int i = 0; i < plot.panels().size(); i++) {
      Plot.Panel panel = plot.panels().get(i);
      double width = 100.0 / columns;
      double height = 92.0 / rows;
      double left = i % columns * width;
      double top = 8 + i / columns * height;
      int longest = panel.series().stream().mapToInt(s -> s.name().length()).max().orElse(0);
      double label = Math.min(width / 3, longest * 0.75);
      grids
          .addObject()
          .put("left", percent(left + 6))
          .put("top", percent(top + (panel.title().isEmpty() ? 2 : 6) * 4.0 / (rows + 3)))
          .put("width", percent(width - 7.5 - label))
          .put("height", percent(height - 18.0 / rows - (panel.title().isEmpty() ? 2 : 6)));
      if (!panel.title().isEmpty()) {
        titles
            .addObject()
            .put("text", panel.title())
            .put("left", percent(left + 6))
            .put("top", percent(top))
            .putObject("textStyle")
            .put("color", "$ink")
            .put("fontSize", 13);
      }
      axis(xAxes.addObject(), plot.x(), plot.xRange(), i).put("nameGap", 28);
      axis(yAxes.addObject(), plot.y(), plot.yRange(), i).put("nameGap", 46);
      series.add(grid(plot, i));
      Map<Plot.Series, Double> moved = new HashMap<>();
      Look.endLabels(plot, panel, AXIS_PIXELS)
          .forEach(l -> moved.put(l.series(), (l.end() - l.height()) * AXIS_PIXELS));
      for (Plot.Series one : panel.series()) {
        add(series, one, i, moved.getOrDefault(one, 0.0));
      }
    }
    return option;
  }

  private static String percent(double value) {
    return value + "%";
  }

  private static ObjectNode axis(ObjectNode node, Plot.Axis axis, Plot.Range range, int panel) {
    node.put("type", axis.scale() == Plot.Scale.LOG ? "log" : "value")
        .put("gridIndex", panel)
        .put("name", axis.label())
        .put("nameLocation", "middle")
        .put("min", range.low())
        .put("max", range.high());
    node.putObject("nameTextStyle").put("color", "$ink").put("fontSize", 13);
    // ECharts places ticks where it likes; ours are drawn by the panel's grid series.
    node.putObject("axisLabel").put("show", false);
    node.putObject("axisTick").put("show", false);
    node.putObject("minorTick").put("show", false);
    node.putObject("splitLine").put("show", false);
    node.putObject("axisLine").put("onZero", false).putObject("lineStyle").put("color", "$ink");
    return node;
  }

  /** Grid lines with the ticks' labels, as marks of an empty series. */
  private static ObjectNode grid(Plot plot, int panel) {
    ObjectNode node = JSON.createObjectNode();
    node.put("type", "line").put("xAxisIndex", panel).put("yAxisIndex", panel).put("z", 0);
    node.putArray("data");
    ObjectNode marks = node.putObject("markLine");
    // ECharts rounds where marks stand to two digits unless it is told otherwise.
    marks.put("precision", 10);
    marks.put("silent", true).put("animation", false).put("symbol", "none").put("z", 0);
    marks.putObject("lineStyle").put("color", "$grid").put("type", "solid").put("width", 1);
    marks
        .putObject("label")
        .put("position", "start")
        .put("distance", 6)
        .put("formatter", "{b}")
        .put("color", "$ink");
    ArrayNode data = marks.putArray("data");
    mark(data, "xAxis", Look.ticks(plot.x(), plot.xRange()));
    mark(data, "yAxis", Look.ticks(plot.y(), plot.yRange()));
    return node;
  }

  private static void mark(ArrayNode data, String axis, List<Double> ticks) {
    ticks.forEach(tick -> data.addObject().put(axis, tick).put("name", Look.label(tick)));
  }

  private static void add(ArrayNode all, Plot.Series series, int index, double moved) {
    ObjectNode node = all.addObject();
    node.put("name", series.name())
        .put("xAxisIndex", index)
        .put("yAxisIndex", index)
        .put("color", Look.colour(series))
        .put("type", series.style() == Plot.Style.POINTS ? "scatter" : "line")
        .put("symbol", "circle")
        .put("symbolSize", series.style() == Plot.Style.DOTTED ? 0 : Look.POINT);
    ObjectNode line = node.putObject("lineStyle");
    switch (series.style()) {
      case DASHED -> line.put("type", "dashed").put("width", Look.LINE);
      case DOTTED -> line.put("type", "dotted").put("width", Look.THIN);
      case SOLID, POINTS -> line.put("width", Look.LINE);
    }
    if (!series.name().isEmpty()) {
      ObjectNode label = node.putObject(series.style() == Plot.Style.POINTS ? "label" : "endLabel");
      label
          .put("show", series.style() != Plot.Style.POINTS)
          .put("formatter", "{a}")
          .put("color", "inherit")
          .put("fontWeight", "bold");
      label.putArray("offset").add(0).add(moved);
    }
    ArrayNode data = node.putArray("data");
    for (int i = 0; i < series.points().size(); i++) {
      Plot.Point point = series.points().get(i);
      ArrayNode value = JSON.createArrayNode().add(point.x()).add(point.y());
      boolean labelled =
          series.style() == Plot.Style.POINTS
              && !series.name().isEmpty()
              && i == series.points().size() - 1;
      if (labelled) {
        ObjectNode last = data.addObject();
        last.set("value", value);
        last.putObject("label")
            .put("show", true)
            .put("position", "right")
            .put("formatter", series.name());
      } else {
        data.add(value);
      }
    }
    if (series.points().stream().anyMatch(Plot.Point::hasInterval)) {
      ObjectNode intervals = all.addObject();
      intervals
          .put("name", series.name())
          .put("type", "custom")
          .put("silent", true)
          .put("xAxisIndex", index)
          .put("yAxisIndex", index)
          .put("color", Look.colour(series));
      ArrayNode values = intervals.putArray("data");
      series.points().stream()
          .filter(Plot.Point::hasInterval)
          .forEach(p -> values.addArray().add(p.x()).add(p.low()).add(p.high()));
    }
  }
}
