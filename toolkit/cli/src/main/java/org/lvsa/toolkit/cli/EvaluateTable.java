// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** An evaluation as a table on a terminal. */
final class EvaluateTable {
  private EvaluateTable() {}

  /**
   * The lines.
   *
   * @param json as {@link org.lvsa.toolkit.evaluate.EvaluationJson} makes it
   */
  static List<String> lines(JsonNode json) {
    List<String> lines = new ArrayList<>();
    JsonNode meta = json.get("video_meta");
    lines.add(
        String.format(
            Locale.ROOT,
            "%s: %dx%d, %.4g frames per second, %.2f s, %d of %d frames judged",
            json.get("video_path").textValue(),
            meta.get("width").intValue(),
            meta.get("height").intValue(),
            meta.get("fps").doubleValue(),
            meta.get("duration").doubleValue(),
            meta.get("sampled_frames").intValue(),
            meta.get("total_frames").longValue()));
    if (meta.has("note")) {
      lines.add("  note: " + meta.get("note").textValue());
    }
    json.get("dimensions")
        .properties()
        .forEach(
            one -> {
              JsonNode result = one.getValue();
              lines.add(
                  row(one.getKey(), result.get("score"), result.get("verdict").textValue())
                      + (result.has("not_judged")
                          ? " (without " + result.get("not_judged").textValue() + ")"
                          : ""));
            });
    json.path("absent")
        .properties()
        .forEach(
            one ->
                lines.add(
                    String.format(
                        Locale.ROOT,
                        "  %-20s      -  absent: %s%s",
                        one.getKey().replace('_', ' '),
                        one.getValue().get("reason").textValue(),
                        measured(one.getValue().path("measured")))));
    lines.add(
        json.get("composite_score").isNull()
            ? "  overall                   -  no dimension has a score"
            : row(
                "overall", json.get("composite_score"), json.get("composite_verdict").textValue()));
    JsonNode all = json.path("all_frames");
    if (all.isObject()) {
      lines.add(
          "  all "
              + all.get("frames").intValue()
              + " frames: temporal flickering "
              + text(all.get("temporal_flickering"))
              + ", motion smoothness "
              + text(all.get("motion_smoothness"))
              + " (1 is best)");
    }
    JsonNode reference = json.path("reference");
    if (reference.isObject()) {
      lines.add(
          String.format(
              Locale.ROOT,
              "  against %s, %d frames, %d of them equal:",
              reference.get("video_path").textValue(),
              reference.get("frames").intValue(),
              reference.get("equal_frames").intValue()));
      if (reference.has("note")) {
        lines.add("    note: " + reference.get("note").textValue());
      }
      for (String name : List.of("psnr", "ssim", "ms_ssim")) {
        JsonNode one = reference.get(name);
        lines.add(
            String.format(
                Locale.ROOT,
                "    %-8s mean %s, first quarter %s, last quarter %s",
                name.toUpperCase(Locale.ROOT).replace('_', '-'),
                text(one.get("mean")),
                text(one.get("first_quarter")),
                text(one.get("last_quarter"))));
      }
    }
    return lines;
  }

  private static String row(String name, JsonNode score, String verdict) {
    return String.format(
        Locale.ROOT, "  %-20s %6.1f  %s", name.replace('_', ' '), score.doubleValue(), verdict);
  }

  /** A number, or that there is none. */
  static String text(JsonNode number) {
    return number == null || number.isNull() ? "-" : number.asText();
  }

  private static String measured(JsonNode measured) {
    List<String> texts = new ArrayList<>();
    measured
        .properties()
        .forEach(
            one -> {
              if (one.getValue().isNumber()) {
                texts.add(one.getKey().replace('_', ' ') + " " + one.getValue().asText());
              }
            });
    return texts.isEmpty() ? "" : "; measured: " + String.join(", ", texts);
  }
}
