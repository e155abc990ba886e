// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.lvsa.toolkit.evaluate.Dimension;
import org.lvsa.toolkit.report.HtmlPage;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

/** The page of {@code evaluate} about several videos. */
final class EvaluateOverview {
  private EvaluateOverview() {}

  /** The page of several videos. */
  static String of(List<? extends JsonNode> results) {
    HtmlPage page = new HtmlPage();
    List<JsonNode> scored =
        results.stream()
            .filter(one -> !one.get("composite_score").isNull())
            .collect(Collectors.toList());
    page.headline(
        results.size()
            + " videos"
            + (scored.isEmpty()
                ? ", none with a score"
                : String.format(
                    Locale.ROOT,
                    ", %.1f on average",
                    scored.stream()
                        .mapToDouble(one -> one.get("composite_score").doubleValue())
                        .average()
                        .orElseThrow())));
    List<HtmlPage.Bar> bars =
        scored.stream()
            .map(
                one ->
                    EvaluateReport.bar(
                        one.get("video_path").textValue(),
                        one.get("composite_score"),
                        one.get("composite_verdict")))
            .toList();
    page.bars(bars);
    page.heading("Results").table(table(results));
    for (JsonNode one : results) {
      page.heading(one.get("video_path").textValue());
      EvaluateReport.bars(page, one);
      page.table(EvaluateReport.metrics(one));
    }
    return page.render("Quality of videos");
  }

  private static Table table(List<? extends JsonNode> results) {
    List<String> extra =
        results.stream()
            .flatMap(one -> one.path("extra_meta").properties().stream().map(Map.Entry::getKey))
            .distinct()
            .toList();
    List<StringColumn> columns = new ArrayList<>();
    extra.forEach(name -> columns.add(StringColumn.create(name)));
    columns.add(StringColumn.create("video"));
    columns.add(StringColumn.create("overall"));
    for (Dimension dimension : Dimension.values()) {
      columns.add(StringColumn.create(dimension.title()));
    }
    for (JsonNode one : results) {
      int column = 0;
      for (String name : extra) {
        columns.get(column++).append(one.path("extra_meta").path(name).asText(""));
      }
      columns.get(column++).append(one.get("video_path").textValue());
      columns.get(column++).append(number(one.get("composite_score")));
      for (Dimension dimension : Dimension.values()) {
        columns
            .get(column++)
            .append(number(one.get("dimensions").path(dimension.id()).path("score")));
      }
    }
    return Table.create(columns.toArray(StringColumn[]::new));
  }

  private static String number(JsonNode node) {
    return node.isNumber() ? String.format(Locale.ROOT, "%.1f", node.doubleValue()) : "";
  }
}
