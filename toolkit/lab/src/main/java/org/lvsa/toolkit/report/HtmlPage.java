// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.regex.Pattern;
import org.lvsa.toolkit.io.Png;
import tech.tablesaw.api.Table;

/**
 * One HTML page that needs no network: charts by ECharts, whose script is part of the page, tables
 * that sort by column, pictures inlined. The page follows the reader's light or dark mode and
 * prints.
 */
public final class HtmlPage {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Where the ECharts jar says which version it is, and where its script lies then. */
  private static final String ECHARTS = "/META-INF/maven/org.mvnpm/echarts/pom.properties";

  private static final String SCRIPT = "/META-INF/resources/_static/echarts/%s/dist/echarts.min.js";

  /** A number as tables have it, with what may stand around it: an interval, a unit. */
  private static final Pattern NUMBER = Pattern.compile("[-+]?\\d[\\d.,]*(e[-+]?\\d+)?.*");

  private static final int PANEL_HEIGHT = 340;

  private final StringBuilder body = new StringBuilder();

  /** A heading of a part of the page. */
  public HtmlPage heading(String text) {
    body.append("<h2>").append(escape(text)).append("</h2>\n");
    return this;
  }

  /** A paragraph of text. */
  public HtmlPage paragraph(String text) {
    body.append("<p>").append(escape(text)).append("</p>\n");
    return this;
  }

  /** What the page says in one sentence. */
  public HtmlPage headline(String text) {
    body.append("<p class=\"headline\">").append(escape(text)).append("</p>\n");
    return this;
  }

  /** A table that sorts by column. */
  public HtmlPage table(Table table) {
    boolean[] numeric = new boolean[table.columnCount()];
    body.append("<div class=\"scroll\"><table><thead><tr>");
    for (int column = 0; column < table.columnCount(); column++) {
      numeric[column] = isNumeric(table, column);
      body.append(numeric[column] ? "<th class=\"number\">" : "<th>")
          .append("<button>")
          .append(escape(table.column(column).name()))
          .append("</button></th>");
    }
    body.append("</tr></thead><tbody>\n");
    for (int row = 0; row < table.rowCount(); row++) {
      body.append("<tr>");
      for (int column = 0; column < table.columnCount(); column++) {
        body.append(numeric[column] ? "<td class=\"number\">" : "<td>")
            .append(escape(table.getString(row, column)))
            .append("</td>");
      }
      body.append("</tr>\n");
    }
    body.append("</tbody></table></div>\n");
    return this;
  }

  private static boolean isNumeric(Table table, int column) {
    boolean any = false;
    for (int row = 0; row < table.rowCount(); row++) {
      String text = table.getString(row, column);
      if (!text.isEmpty() && !NUMBER.matcher(text).matches()) {
        return false;
      }
      any |= !text.isEmpty();
    }
    return any;
  }

  /** An interactive plot. */
  public HtmlPage plot(Plot plot) {
    int rows = Math.ceilDiv(plot.panels().size(), Look.columns(plot));
    body.append("<figure><div class=\"plot\" id=\"")
        .append(plot.id())
        .append("\" style=\"height: ")
        .append(80 + rows * PANEL_HEIGHT)
        .append("px\"></div><figcaption>")
        .append(escape(plot.caption()))
        .append("</figcaption></figure>\n<script>draw(\"")
        .append(plot.id())
        .append("\", ")
        .append(script(EchartsPlot.option(plot)))
        .append(");</script>\n");
    return this;
  }

  /**
   * A bar of a chart of scores.
   *
   * @param label what was scored
   * @param score 0 to 100
   * @param text what stands beside the bar
   */
  public record Bar(String label, double score, String text) {}

  /** Scores as bars, one below the other. */
  public HtmlPage bars(List<Bar> bars) {
    body.append("<div class=\"bars\">\n");
    for (Bar bar : bars) {
      body.append(
          String.format(
              Locale.ROOT,
              "<span>%s</span><div><i style=\"width: %.1f%%\"></i></div><span>%s</span>%n",
              escape(bar.label()),
              Math.clamp(bar.score(), 0, 100),
              escape(bar.text())));
    }
    body.append("</div>\n");
    return this;
  }

  /** A picture with a caption. */
  public HtmlPage picture(BufferedImage image, String caption) {
    body.append("<figure class=\"mask\"><img alt=\"")
        .append(escape(caption))
        .append("\" src=\"data:image/png;base64,")
        .append(Base64.getEncoder().encodeToString(Png.bytes(image)))
        .append("\"><figcaption>")
        .append(escape(caption))
        .append("</figcaption></figure>\n");
    return this;
  }

  /** A text as it is, with its line breaks. */
  public HtmlPage preformatted(String text) {
    body.append("<pre>").append(escape(text)).append("</pre>\n");
    return this;
  }

  /** The whole page. */
  public String render(String title) {
    return """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>%1$s</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <link rel="icon" href="data:,">
        <style>
        %2$s</style>
        <script>%3$s</script>
        <script>
        %4$s</script></head>
        <body><h1>%1$s</h1>
        %5$s</body></html>
        """
        .formatted(escape(title), resource("page.css"), echarts(), resource("page.js"), body);
  }

  private static String resource(String name) {
    try (InputStream in = HtmlPage.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
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

  private static String script(Object option) {
    try {
      return JSON.writeValueAsString(option).replace("<", "\\u003c");
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
