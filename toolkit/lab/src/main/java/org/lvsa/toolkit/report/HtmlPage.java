// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import javax.imageio.ImageIO;
import tech.tablesaw.api.Table;

/**
 * One HTML page that needs no network: charts with ECharts, whose script is part of the page,
 * tables and pictures inlined.
 */
final class HtmlPage {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Where the ECharts jar says which version it is, and where its script lies then. */
  private static final String ECHARTS = "/META-INF/maven/org.mvnpm/echarts/pom.properties";

  private static final String SCRIPT = "/META-INF/resources/_static/echarts/%s/dist/echarts.min.js";

  private final StringBuilder body = new StringBuilder();

  HtmlPage heading(String text) {
    body.append("<h2>").append(escape(text)).append("</h2>\n");
    return this;
  }

  HtmlPage paragraph(String text) {
    body.append("<p>").append(escape(text)).append("</p>\n");
    return this;
  }

  HtmlPage table(Table table) {
    body.append("<div class=\"scroll\"><table><thead><tr>");
    table.columnNames().forEach(name -> body.append("<th>").append(escape(name)).append("</th>"));
    body.append("</tr></thead><tbody>\n");
    for (int row = 0; row < table.rowCount(); row++) {
      body.append("<tr>");
      for (int column = 0; column < table.columnCount(); column++) {
        body.append("<td>").append(escape(table.getString(row, column))).append("</td>");
      }
      body.append("</tr>\n");
    }
    body.append("</tbody></table></div>\n");
    return this;
  }

  HtmlPage plot(Plot plot) {
    body.append("<figure><div class=\"plot\" id=\"")
        .append(plot.id())
        .append("\"></div><figcaption>")
        .append(escape(plot.caption()))
        .append("</figcaption></figure>\n<script>draw(\"")
        .append(plot.id())
        .append("\", ")
        .append(script(option(plot)))
        .append(");</script>\n");
    return this;
  }

  HtmlPage picture(BufferedImage image, String caption) {
    try {
      ByteArrayOutputStream png = new ByteArrayOutputStream();
      ImageIO.write(image, "png", png);
      body.append("<figure class=\"mask\"><img alt=\"")
          .append(escape(caption))
          .append("\" src=\"data:image/png;base64,")
          .append(Base64.getEncoder().encodeToString(png.toByteArray()))
          .append("\"><figcaption>")
          .append(escape(caption))
          .append("</figcaption></figure>\n");
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  HtmlPage preformatted(String text) {
    body.append("<pre>").append(escape(text)).append("</pre>\n");
    return this;
  }

  String render(String title) {
    return """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>%1$s</title>
        <link rel="icon" href="data:,">
        <style>
        body { font: 15px/1.5 system-ui, sans-serif; max-width: 1080px; margin: 2em auto; padding: 0 1em; color: #222 }
        h1, h2 { line-height: 1.2 } h2 { margin-top: 2em }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap }
        th, td { padding: .25em .7em; border-bottom: 1px solid #ddd; text-align: right }
        th { background: #f5f5f5 } .scroll { overflow-x: auto }
        figure { margin: 1.5em 0 } figcaption { color: #555; font-size: 90%% } .plot { width: 100%%; height: 440px }
        .mask { display: inline-block; margin: .5em 1em .5em 0; vertical-align: top } .mask img { max-width: 500px }
        pre { background: #f5f5f5; padding: 1em; overflow-x: auto; font-size: 85%% }
        </style>
        <script>%2$s</script>
        <script>
        function draw(id, option) {
          const chart = echarts.init(document.getElementById(id), null, { renderer: "svg" });
          chart.setOption(option);
          addEventListener("resize", () => chart.resize());
        }
        </script></head>
        <body><h1>%1$s</h1>
        %3$s</body></html>
        """
        .formatted(escape(title), echarts(), body);
  }

  private static String echarts() {
    Properties jar = new Properties();
    try (InputStream in = HtmlPage.class.getResourceAsStream(ECHARTS)) {
      jar.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    String script = SCRIPT.formatted(jar.getProperty("version"));
    try (InputStream in = HtmlPage.class.getResourceAsStream(script)) {
      String source = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return source.replace("</script", "<\\/script");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ObjectNode option(Plot plot) {
    ObjectNode option = JSON.createObjectNode();
    option.put("animation", false);
    option.putObject("title").put("text", plot.title()).put("left", "center");
    option.putObject("tooltip").put("trigger", "item");
    ObjectNode legend = option.putObject("legend").put("type", "scroll").put("bottom", 0);
    ArrayNode names = legend.putArray("data");
    option.putObject("grid").put("left", 70).put("right", 30).put("top", 50).put("bottom", 90);
    axis(option.putObject("xAxis"), plot.xLabel(), plot.logarithmic()).put("nameGap", 28);
    axis(option.putObject("yAxis"), plot.yLabel(), plot.logarithmic()).put("nameGap", 48);
    ArrayNode all = option.putArray("series");
    for (int index = 0; index < plot.series().size(); index++) {
      Plot.Series series = plot.series().get(index);
      ObjectNode node = all.addObject();
      node.put("name", series.name());
      node.put("color", plot.colour(index));
      if (series.style() != Plot.Style.DASHED) {
        names.add(series.name());
      }
      node.put("type", series.style() == Plot.Style.POINTS ? "scatter" : "line");
      node.put("symbolSize", series.style() == Plot.Style.DASHED ? 0 : 9);
      if (series.style() == Plot.Style.DASHED) {
        node.putObject("lineStyle").put("type", "dashed").put("width", 1.5);
      }
      ArrayNode data = node.putArray("data");
      for (int i = 0; i < series.x().size(); i++) {
        data.addArray().add(series.x().get(i)).add(series.y().get(i));
      }
    }
    return option;
  }

  private static ObjectNode axis(ObjectNode axis, String name, boolean logarithmic) {
    return axis.put("type", logarithmic ? "log" : "value")
        .put("name", name)
        .put("nameLocation", "middle")
        .put("scale", logarithmic);
  }

  private static String script(ObjectNode node) {
    try {
      return JSON.writeValueAsString(node).replace("<", "\\u003c");
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String escape(String text) {
    Map<String, String> entities = Map.of("<", "&lt;", ">", "&gt;", "\"", "&quot;");
    String escaped = text.replace("&", "&amp;");
    for (String character : List.of("<", ">", "\"")) {
      escaped = escaped.replace(character, entities.get(character));
    }
    return escaped;
  }
}
