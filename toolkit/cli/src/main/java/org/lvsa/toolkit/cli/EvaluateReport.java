// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import org.lvsa.toolkit.evaluate.Comparison;
import org.lvsa.toolkit.evaluate.Dimension;
import org.lvsa.toolkit.evaluate.Evaluation;
import org.lvsa.toolkit.evaluate.Outcome;
import org.lvsa.toolkit.evaluate.frame.FlowField;
import org.lvsa.toolkit.evaluate.frame.RgbFrame;
import org.lvsa.toolkit.report.HeatMap;
import org.lvsa.toolkit.report.HtmlPage;
import org.lvsa.toolkit.report.Plot;
import org.lvsa.toolkit.video.VideoWriter;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

/**
 * The page of {@code evaluate --html}, in the look of a sweep's report: of one video, or of many.
 */
final class EvaluateReport {
  /** Curves, what they show, and whether a high value is the bad one. */
  private static final List<Measure> MEASURES =
      List.of(
          new Measure("sharpness", "How sharp is each frame?", "variance of the Laplacian", false),
          new Measure("brisque", "BRISQUE of each frame", "BRISQUE, less is better", true),
          new Measure("niqe", "NIQE of each frame", "NIQE, less is better", true),
          new Measure("clip_iqa", "CLIP-IQA of each frame", "CLIP-IQA, more is better", false),
          new Measure("motion", "How far do pixels move to the next judged frame?", "pixels", true),
          new Measure(
              "clip_similarity", "How like the next judged frame is each?", "CLIP cosine", false),
          new Measure(
              "text_similarity", "How like the prompt is each frame?", "CLIP cosine", false),
          new Measure("banding", "Banding", "severity", true),
          new Measure("tiling", "Repeated texture", "autocorrelation peak", true),
          new Measure("halo", "Halos beside edges", "severity", true),
          new Measure("noise_anomaly", "Unnatural noise", "score, less is better", true));

  private record Measure(String id, String title, String label, boolean highIsBad) {}

  /** A loop shows as a stripe beside the diagonal; below this, frames have little in common. */
  private static final double LEAST_SIMILAR = 0.5;

  private EvaluateReport() {}

  /** The page of one video. */
  static String of(Evaluation evaluation, JsonNode json) {
    HtmlPage page = new HtmlPage();
    EvaluateTable.lines(json).stream().limit(1).forEach(page::headline);
    bars(page, json);
    json.path("absent")
        .properties()
        .forEach(
            one ->
                page.paragraph(
                    one.getKey().replace('_', ' ')
                        + " is absent: it "
                        + one.getValue().get("reason").textValue()
                        + "."));
    page.heading("What was measured").table(metrics(json));
    page.heading("Frame by frame");
    Map<String, Outcome.Curve> curves = new TreeMap<>();
    evaluation.outcomes().forEach(outcome -> curves.putAll(outcome.curves()));
    for (Measure measure : MEASURES) {
      Outcome.Curve curve = curves.get(measure.id());
      if (curve != null && curve.values().length > 1) {
        page.plot(plot(evaluation, measure, curve));
      }
    }
    worst(page, evaluation, curves);
    evaluation
        .similarities()
        .ifPresent(
            matrix ->
                page.heading("Does it repeat itself?")
                    .picture(
                        HeatMap.draw(matrix, LEAST_SIMILAR, 1),
                        "How alike each two judged frames are to CLIP, the first frame at the top"
                            + " left; blue 0.5 or less, red 1. A loop shows as a red stripe beside"
                            + " the diagonal."));
    Optional.ofNullable(curves.get("autocorrelation"))
        .ifPresent(
            curve ->
                page.plot(
                    single(
                        "autocorrelation",
                        "Do the changes from frame to frame recur?",
                        "After how many judged frames the changes resemble themselves.",
                        "lag, judged frames",
                        "autocorrelation",
                        points(curve.places(), curve.values()))));
    evaluation.reference().ifPresent(comparison -> compare(page, comparison));
    page.heading("Everything").preformatted(json.toPrettyString());
    return page.render("Quality of " + evaluation.video().path().getFileName());
  }

  static void bars(HtmlPage page, JsonNode json) {
    List<HtmlPage.Bar> bars = new ArrayList<>();
    for (Dimension dimension : Dimension.values()) {
      JsonNode one = json.get("dimensions").path(dimension.id());
      if (one.isObject()) {
        bars.add(bar(dimension.title(), one.get("score"), one.get("verdict")));
      }
    }
    if (!json.get("composite_score").isNull()) {
      bars.add(bar("overall", json.get("composite_score"), json.get("composite_verdict")));
    }
    page.bars(bars);
  }

  static HtmlPage.Bar bar(String label, JsonNode score, JsonNode verdict) {
    return new HtmlPage.Bar(
        label,
        score.doubleValue(),
        String.format(Locale.ROOT, "%.1f %s", score.doubleValue(), verdict.textValue()));
  }

  static Table metrics(JsonNode json) {
    StringColumn dimension = StringColumn.create("dimension");
    StringColumn measure = StringColumn.create("measure");
    StringColumn value = StringColumn.create("value");
    Map<String, JsonNode> groups = new java.util.LinkedHashMap<>();
    json.get("dimensions").properties().forEach(one -> groups.put(one.getKey(), one.getValue()));
    json.path("absent")
        .properties()
        .forEach(one -> groups.put(one.getKey(), one.getValue().path("measured")));
    if (json.has("all_frames")) {
      groups.put("all_frames", json.get("all_frames"));
    }
    groups.forEach(
        (name, fields) ->
            fields
                .properties()
                .forEach(
                    field -> {
                      dimension.append(name.replace('_', ' '));
                      measure.append(field.getKey().replace('_', ' '));
                      value.append(
                          field.getValue().isValueNode()
                              ? field.getValue().asText()
                              : field.getValue().toString());
                    }));
    return Table.create(dimension, measure, value);
  }

  private static Plot plot(Evaluation evaluation, Measure measure, Outcome.Curve curve) {
    int[] frames = new int[curve.places().length];
    for (int i = 0; i < frames.length; i++) {
      frames[i] = evaluation.video().index(curve.places()[i]);
    }
    return single(
        measure.id(),
        measure.title(),
        "Judged frames by their number in the video.",
        "frame",
        measure.label(),
        points(frames, curve.values()));
  }

  private static List<Plot.Point> points(int[] x, double[] y) {
    List<Plot.Point> points = new ArrayList<>();
    for (int i = 0; i < x.length; i++) {
      if (Double.isFinite(y[i])) {
        points.add(Plot.Point.of(x[i], y[i]));
      }
    }
    return points;
  }

  private static Plot single(
      String id, String title, String caption, String x, String y, List<Plot.Point> points) {
    return new Plot(
        id,
        title,
        caption,
        Plot.Axis.of(x, Plot.Scale.LINEAR),
        Plot.Axis.of(y, Plot.Scale.LINEAR),
        List.of(new Plot.Panel("", List.of(new Plot.Series("", 0, Plot.Style.SOLID, points)))));
  }

  /** The frame that does worst by each measure, each frame once. */
  private static void worst(
      HtmlPage page, Evaluation evaluation, Map<String, Outcome.Curve> curves) {
    Map<Integer, List<String>> reasons = new TreeMap<>();
    for (Measure measure : MEASURES) {
      Outcome.Curve curve = curves.get(measure.id());
      if (curve == null || measure.id().equals("motion")) {
        continue;
      }
      int at = worst(curve.values(), measure.highIsBad());
      boolean tells =
          !measure.highIsBad() || curve.values()[at] > 0 && Double.isFinite(curve.values()[at]);
      if (tells) {
        reasons
            .computeIfAbsent(curve.places()[at], ignored -> new ArrayList<>())
            .add(
                String.format(
                    Locale.ROOT, "%s %.4g", measure.id().replace('_', ' '), curve.values()[at]));
      }
    }
    if (reasons.isEmpty()) {
      return;
    }
    page.heading("The worst frames")
        .paragraph("For each measure, the frame that does worst by it, however well that is.");
    reasons.forEach(
        (place, why) -> {
          RgbFrame frame = FlowField.scaled(evaluation.video().frame(place));
          page.picture(
              VideoWriter.image(frame.size(), frame.rgb()),
              "Frame " + evaluation.video().index(place) + ": " + String.join(", ", why));
        });
  }

  private static int worst(double[] values, boolean highIsBad) {
    int worst = 0;
    for (int i = 1; i < values.length; i++) {
      if (highIsBad ? values[i] > values[worst] : values[i] < values[worst]) {
        worst = i;
      }
    }
    return worst;
  }

  private static void compare(HtmlPage page, Comparison comparison) {
    page.heading("Against " + comparison.reference().getFileName())
        .paragraph(
            "Frame by frame. A curve that falls shows that the two videos drift apart. Equal frames,"
                + " whose PSNR is infinite, are left out of its curve.");
    compared(page, comparison, "psnr", "PSNR, dB", Comparison.Frame::psnr);
    compared(page, comparison, "ssim", "SSIM", Comparison.Frame::ssim);
    compared(page, comparison, "ms-ssim", "MS-SSIM", Comparison.Frame::msSsim);
  }

  private static void compared(
      HtmlPage page,
      Comparison comparison,
      String id,
      String label,
      ToDoubleFunction<Comparison.Frame> measure) {
    double[] values = comparison.frames().stream().mapToDouble(measure).toArray();
    int[] frames = java.util.stream.IntStream.range(0, values.length).toArray();
    List<Plot.Point> points = points(frames, values);
    if (points.size() > 1) {
      page.plot(single(id, "How near is each frame? " + label, "", "frame", label, points));
    }
  }
}
