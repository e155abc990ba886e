// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.lvsa.toolkit.evaluate.EvaluationJson;
import org.lvsa.toolkit.evaluate.Evaluator;
import org.lvsa.toolkit.evaluate.Judgement;
import org.lvsa.toolkit.evaluate.Rules;
import org.lvsa.toolkit.evaluate.frame.Sampling;
import org.lvsa.toolkit.evaluate.network.Features;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.pipeline.VideoRun;

/**
 * What dense and sparse-window attention made of the same noise, in one table: time, density and
 * quality, as far as it can be judged without networks.
 *
 * @param dense the evaluation of the dense video
 * @param sparse of the other, compared with the dense one frame by frame
 */
record CompareQuality(JsonNode dense, JsonNode sparse) {
  /** Judges two files. */
  static CompareQuality of(Path dense, Path sparse, String prompt, PrintWriter err) {
    Evaluator evaluator =
        new Evaluator(
            Judgement.usual(Rules.MENDED),
            new Sampling(Sampling.USUAL, true),
            (video, text) -> Features.NONE);
    try (EvaluateProgress progress = new EvaluateProgress(err, 2)) {
      return new CompareQuality(
          one(evaluator, dense, Optional.empty(), prompt, progress),
          one(evaluator, sparse, Optional.of(dense), prompt, progress));
    }
  }

  private static JsonNode one(
      Evaluator evaluator,
      Path file,
      Optional<Path> reference,
      String prompt,
      EvaluateProgress progress) {
    String name = file.getFileName().toString();
    JsonNode json =
        EvaluationJson.of(
            evaluator.evaluate(
                file, Optional.ofNullable(prompt), reference, what -> progress.doing(name, what)),
            Map.of());
    progress.done(name, "judged");
    return json;
  }

  /**
   * Prints the table, and writes both evaluations.
   *
   * @param file JSON: {@code dense} and the other's name
   * @param name of the sparse attention
   */
  void report(
      PrintWriter out,
      Path file,
      String name,
      VideoRun.Denoised denseRun,
      VideoRun.Denoised sparseRun)
      throws IOException {
    out.printf(Locale.ROOT, "%n%-26s %10s %10s %11s%n", "", "dense", name, "difference");
    row(out, "denoising, s", denseRun.seconds(), sparseRun.seconds());
    row(out, "density", denseRun.report().density(), sparseRun.report().density());
    Map<String, Double> first = numbers(dense);
    Map<String, Double> second = numbers(sparse);
    first.forEach(
        (measure, value) -> {
          if (second.containsKey(measure)) {
            row(out, measure, value, second.get(measure));
          }
        });
    for (String measure : new String[] {"psnr", "ssim", "ms_ssim"}) {
      JsonNode drift = sparse.path("reference").path(measure);
      out.printf(
          Locale.ROOT,
          "%-26s first quarter %s, last quarter %s%n",
          measure.toUpperCase(Locale.ROOT).replace('_', '-') + " to dense",
          EvaluateTable.text(drift.get("first_quarter")),
          EvaluateTable.text(drift.get("last_quarter")));
    }
    sparse
        .path("absent")
        .properties()
        .forEach(
            one ->
                out.printf(
                    "%-26s absent: %s%n",
                    one.getKey().replace('_', ' '), one.getValue().get("reason").textValue()));
    ObjectNode both = Json.object();
    both.set("dense", dense);
    both.set(name, sparse);
    OutputFile.write(
        file, stream -> stream.write(EvaluationJson.text(both).getBytes(StandardCharsets.UTF_8)));
  }

  private static void row(PrintWriter out, String name, double first, double second) {
    out.printf(Locale.ROOT, "%-26s %10.4g %10.4g %+11.4g%n", name, first, second, second - first);
  }

  /** Scores, then what was measured without a score. */
  private static Map<String, Double> numbers(JsonNode json) {
    Map<String, Double> numbers = new LinkedHashMap<>();
    json.get("dimensions")
        .properties()
        .forEach(
            one -> {
              put(numbers, one.getKey(), one.getValue().get("score"));
              one.getValue()
                  .properties()
                  .forEach(
                      metric -> {
                        if (!metric.getKey().equals("score")) {
                          put(numbers, "  " + metric.getKey(), metric.getValue());
                        }
                      });
            });
    for (String name : new String[] {"temporal_flickering", "motion_smoothness"}) {
      put(numbers, name, json.path("all_frames").path(name));
    }
    json.path("absent")
        .forEach(
            one ->
                one.path("measured")
                    .properties()
                    .forEach(
                        metric -> {
                          if (!metric.getKey().endsWith("_idx")) {
                            put(numbers, "  " + metric.getKey(), metric.getValue());
                          }
                        }));
    return numbers;
  }

  private static void put(Map<String, Double> numbers, String name, JsonNode value) {
    if (value.isNumber()) {
      numbers.putIfAbsent(name.replace('_', ' '), value.doubleValue());
    }
  }
}
