// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.csv.CsvGenerator;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.lvsa.toolkit.io.Json;

/**
 * Evaluations as CSV, a row each, with the published tool's columns: what the list of videos says
 * of them, path, composite score, length, size, and score and verdict of each dimension.
 */
public final class EvaluationCsv {
  private EvaluationCsv() {}

  /**
   * The table.
   *
   * @param evaluations as {@link EvaluationJson#of} makes them
   */
  public static String of(List<? extends JsonNode> evaluations) {
    Set<String> extra = new LinkedHashSet<>();
    Set<String> quality = new LinkedHashSet<>();
    List<ObjectNode> rows = new ArrayList<>();
    for (JsonNode evaluation : evaluations) {
      ObjectNode row = Json.object();
      evaluation.path("extra_meta").properties().forEach(c -> row.set(c.getKey(), c.getValue()));
      row.fieldNames().forEachRemaining(extra::add);
      ObjectNode own = row(evaluation);
      own.fieldNames().forEachRemaining(quality::add);
      row.setAll(own);
      rows.add(row);
    }
    quality.removeAll(extra);
    CsvSchema.Builder schema = CsvSchema.builder().setUseHeader(true).setLineSeparator("\r\n");
    extra.forEach(schema::addColumn);
    quality.forEach(schema::addColumn);
    try {
      return CsvMapper.builder()
          .enable(CsvGenerator.Feature.STRICT_CHECK_FOR_QUOTING)
          .build()
          .writer(schema.build())
          .writeValueAsString(rows);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static ObjectNode row(JsonNode evaluation) {
    ObjectNode row = Json.object();
    row.set("video_path", evaluation.get("video_path"));
    row.set("composite_score", evaluation.get("composite_score"));
    row.set("composite_verdict", evaluation.get("composite_verdict"));
    JsonNode meta = evaluation.get("video_meta");
    row.set("duration", meta.get("duration"));
    row.put("resolution", meta.get("width").asText() + "x" + meta.get("height").asText());
    evaluation
        .get("dimensions")
        .properties()
        .forEach(
            dimension -> {
              row.set(dimension.getKey() + "_score", dimension.getValue().get("score"));
              row.set(dimension.getKey() + "_verdict", dimension.getValue().get("verdict"));
            });
    return row;
  }
}
