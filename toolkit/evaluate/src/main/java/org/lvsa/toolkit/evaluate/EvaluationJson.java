// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;
import org.lvsa.toolkit.evaluate.network.Network;
import org.lvsa.toolkit.io.Json;

/**
 * An evaluation as JSON, with the names of the published tool. Under its rules nothing else is in
 * it, and a number may be a bare {@code NaN}, as there. Under ours there are also the rules, the
 * networks, the dimensions without a score, the measures of all frames and the comparison, and what
 * is no number is {@code null}.
 */
public final class EvaluationJson {
  private static final int SCORE_DIGITS = 1;
  private static final int DIGITS = 4;

  private EvaluationJson() {}

  /**
   * An evaluation as a tree.
   *
   * @param extra what else is known of the video, such as the columns of the list that names it
   */
  public static ObjectNode of(Evaluation evaluation, Map<String, String> extra) {
    boolean upstream = evaluation.judgement().rules() == Rules.UPSTREAM;
    SampledVideo video = evaluation.video();
    ObjectNode json = Json.object();
    json.put("video_path", video.path().toString());
    ObjectNode meta = json.putObject("video_meta");
    meta.put("width", video.size().width());
    meta.put("height", video.size().height());
    meta.put("fps", video.frameRate());
    meta.put("duration", video.duration());
    meta.put("codec", video.codec());
    meta.put("total_frames", video.totalFrames());
    meta.put("sampled_frames", video.count());
    if (!upstream) {
      video.note().ifPresent(note -> meta.put("note", note));
    }
    if (evaluation.composite().isPresent()) {
      json.put(
          "composite_score", Numbers.round(evaluation.composite().getAsDouble(), SCORE_DIGITS));
      json.put("composite_verdict", evaluation.verdict().orElseThrow().toString());
    } else {
      json.putNull("composite_score");
      json.putNull("composite_verdict");
    }
    ObjectNode weights = json.putObject("weights");
    evaluation
        .reportedWeights()
        .forEach((dimension, weight) -> weights.put(dimension.id(), Numbers.round(weight, DIGITS)));
    ObjectNode dimensions = json.putObject("dimensions");
    for (Outcome.Scored scored : evaluation.scored()) {
      ObjectNode one = dimensions.putObject(scored.dimension().id());
      one.put("score", Numbers.round(scored.clamped(), SCORE_DIGITS));
      one.put("verdict", scored.verdict(evaluation.judgement().rules()).toString());
      one.setAll((ObjectNode) rounded(scored.metrics(), upstream));
    }
    json.put("elapsed_seconds", Numbers.round(evaluation.seconds(), 2));
    if (!upstream) {
      ours(json, evaluation);
    }
    if (!extra.isEmpty()) {
      ObjectNode columns = json.putObject("extra_meta");
      extra.forEach(columns::put);
    }
    return json;
  }

  private static void ours(ObjectNode json, Evaluation evaluation) {
    json.put("rules", evaluation.judgement().rules().name().toLowerCase(Locale.ROOT));
    ArrayNode networks = json.putArray("networks");
    evaluation.features().rows().keySet().stream()
        .sorted()
        .map(Network::field)
        .forEach(networks::add);
    ObjectNode absent = json.putObject("absent");
    for (Outcome.Absent one : evaluation.absent()) {
      ObjectNode node = absent.putObject(one.dimension().id());
      node.put("reason", one.reason());
      if (!one.metrics().isEmpty()) {
        node.set("measured", rounded(one.metrics(), false));
      }
    }
    evaluation
        .sequence()
        .ifPresent(
            sequence -> {
              ObjectNode node = json.putObject("all_frames");
              node.put("frames", sequence.frames());
              put(node, "temporal_flickering", sequence.temporalFlickering());
              put(node, "motion_smoothness", sequence.motionSmoothness());
            });
    evaluation.reference().ifPresent(comparison -> json.set("reference", of(comparison)));
  }

  /** A comparison as a tree: means, drift, and each frame's values. */
  static ObjectNode of(Comparison comparison) {
    ObjectNode node = Json.object();
    node.put("video_path", comparison.reference().toString());
    comparison.note().ifPresent(note -> node.put("note", note));
    node.put("frames", comparison.frames().size());
    node.put(
        "equal_frames",
        comparison.frames().stream().filter(f -> Double.isInfinite(f.psnr())).count());
    measure(node, "psnr", comparison, Comparison.Frame::psnr);
    measure(node, "ssim", comparison, Comparison.Frame::ssim);
    measure(node, "ms_ssim", comparison, Comparison.Frame::msSsim);
    return node;
  }

  private static void measure(
      ObjectNode node,
      String name,
      Comparison comparison,
      ToDoubleFunction<Comparison.Frame> value) {
    ObjectNode one = node.putObject(name);
    Comparison.Drift drift = comparison.drift(value);
    put(one, "mean", comparison.mean(value));
    put(one, "first_quarter", drift.first());
    put(one, "last_quarter", drift.last());
    put(one, "drift_slope", drift.slope());
    ArrayNode frames = one.putArray("per_frame");
    List<Double> values = comparison.frames().stream().mapToDouble(value).boxed().toList();
    for (double each : values) {
      if (Double.isFinite(each)) {
        frames.add(Numbers.round(each, DIGITS));
      } else {
        frames.addNull();
      }
    }
  }

  private static void put(ObjectNode node, String name, double value) {
    if (Double.isFinite(value)) {
      node.put(name, Numbers.round(value, DIGITS));
    } else {
      node.putNull(name);
    }
  }

  /** Numbers with a point are rounded, also within lists; whole ones and texts stay. */
  private static JsonNode rounded(JsonNode node, boolean keepsNaN) {
    if (node.isDouble() || node.isFloat()) {
      double value = node.doubleValue();
      return Double.isFinite(value) || keepsNaN
          ? Json.mapper().getNodeFactory().numberNode(Numbers.round(value, DIGITS))
          : Json.mapper().getNodeFactory().nullNode();
    }
    if (node.isArray()) {
      ArrayNode list = Json.array();
      node.forEach(one -> list.add(rounded(one, keepsNaN)));
      return list;
    }
    if (node.isObject()) {
      ObjectNode object = Json.object();
      node.properties()
          .forEach(field -> object.set(field.getKey(), rounded(field.getValue(), keepsNaN)));
      return object;
    }
    return node;
  }

  /** The text of a tree, indented, with letters beyond ASCII written out and bare NaN. */
  public static String text(JsonNode json) {
    ObjectWriter writer =
        JsonMapper.builder()
            .disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS)
            .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build()
            .writer();
    try {
      return writer.writeValueAsString(json);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }
}
