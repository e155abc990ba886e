// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;

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
   * @throws MalformedFileException with the file and the place if it is something else
   */
  public static List<JmhResult> read(Path file) {
    List<JmhResult> results = new ArrayList<>();
    for (JsonNode one : Json.read(file)) {
      String name = one.path("benchmark").asText("");
      JsonNode score = one.path("primaryMetric").path("score");
      if (name.isEmpty() || !score.isNumber()) {
        throw new MalformedFileException(
            file
                + ": result "
                + (results.size() + 1)
                + " is no JMH result: it needs a benchmark and a score (run with -rf json)");
      }
      Map<String, String> parameters = new TreeMap<>();
      one.path("params")
          .properties()
          .forEach(entry -> parameters.put(entry.getKey(), entry.getValue().asText()));
      JsonNode metric = one.path("primaryMetric");
      results.add(
          new JmhResult(
              name.substring(name.lastIndexOf('.', name.lastIndexOf('.') - 1) + 1),
              parameters,
              one.path("mode").asText(),
              metric.path("scoreUnit").asText(),
              score.doubleValue(),
              metric.path("scoreError").asDouble(Double.NaN)));
    }
    if (results.isEmpty()) {
      throw new MalformedFileException(file + " holds no JMH result");
    }
    return results;
  }
}
