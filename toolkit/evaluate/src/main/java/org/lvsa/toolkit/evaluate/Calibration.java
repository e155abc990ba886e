// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.lvsa.toolkit.io.Json;

/**
 * Where the measures of a set of videos lie: for each measure that at least five of them have, the
 * values below which 0, 5, 10, 25, 50, 75, 90, 95 and 100 per cent of the videos are. The format is
 * the published tool's {@code calibrate}.
 */
public final class Calibration {
  private static final int FEWEST = 5;
  private static final int[] PERCENTS = {0, 5, 10, 25, 50, 75, 90, 95, 100};

  private Calibration() {}

  /**
   * Of the evaluations of several videos.
   *
   * @param evaluations as {@link EvaluationJson#of} writes them
   * @return by {@code dimension.measure}
   */
  public static ObjectNode of(List<? extends JsonNode> evaluations) {
    Map<String, List<Double>> values = new LinkedHashMap<>();
    for (JsonNode evaluation : evaluations) {
      evaluation
          .get("dimensions")
          .properties()
          .forEach(
              dimension ->
                  dimension
                      .getValue()
                      .properties()
                      .forEach(
                          field -> {
                            boolean counts =
                                field.getValue().isNumber() || field.getValue().isBoolean();
                            if (counts && !field.getKey().equals("score")) {
                              values
                                  .computeIfAbsent(
                                      dimension.getKey() + "." + field.getKey(),
                                      ignored -> new ArrayList<>())
                                  .add(field.getValue().asDouble());
                            }
                          }));
    }
    ObjectNode presets = Json.object();
    values.forEach(
        (name, all) -> {
          if (all.size() >= FEWEST) {
            presets.set(name, of(all.stream().mapToDouble(Double::doubleValue).toArray()));
          }
        });
    return presets;
  }

  /** Of one measure's values. */
  static ObjectNode of(double[] values) {
    ObjectNode preset = Json.object();
    preset.put("strategy", "percentile");
    ArrayNode percentiles = preset.putArray("percentiles");
    for (int percent : PERCENTS) {
      percentiles.addArray().add(Numbers.percentile(values, percent)).add((double) percent);
    }
    return preset;
  }
}
