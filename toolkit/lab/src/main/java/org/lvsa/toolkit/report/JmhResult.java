// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * One result of a JMH run.
 *
 * @param benchmark class and method, {@code AttentionBenchmark.sparse}
 * @param parameters the run's {@code @Param}s
 * @param mode JMH's short name, {@code thrpt} or {@code avgt}
 * @param unit of score and error
 * @param score mean
 * @param error half of the 99.9 % confidence interval; NaN with a single iteration
 */
public record JmhResult(
    String benchmark,
    Map<String, String> parameters,
    String mode,
    String unit,
    double score,
    double error) {

  /** What is the same in two runs of one benchmark. */
  String key() {
    return benchmark + " " + parameters + " " + mode;
  }

  /** Whether more is better. */
  boolean throughput() {
    return mode.equals("thrpt");
  }

  /**
   * Reads JMH's JSON ({@code -rf json}).
   *
   * @throws IllegalArgumentException if the file is none
   */
  public static List<JmhResult> read(Path file) throws IOException {
    JsonNode all;
    try {
      all = new ObjectMapper().readTree(Files.readAllBytes(file));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(file + " is no JSON: " + e.getOriginalMessage(), e);
    }
    List<JmhResult> results = new ArrayList<>();
    for (JsonNode one : all) {
      JsonNode metric = one.path("primaryMetric");
      if (!one.has("benchmark") || !metric.has("score")) {
        throw new IllegalArgumentException(file + " is no JMH result (run with -rf json)");
      }
      String name = one.get("benchmark").textValue();
      Map<String, String> parameters = new TreeMap<>();
      one.path("params")
          .properties()
          .forEach(entry -> parameters.put(entry.getKey(), entry.getValue().asText()));
      results.add(
          new JmhResult(
              name.substring(name.lastIndexOf('.', name.lastIndexOf('.') - 1) + 1),
              parameters,
              one.path("mode").asText(),
              metric.path("scoreUnit").asText(),
              metric.get("score").asDouble(),
              metric.path("scoreError").asDouble(Double.NaN)));
    }
    if (results.isEmpty()) {
      throw new IllegalArgumentException(file + " holds no JMH result");
    }
    return results;
  }
}
