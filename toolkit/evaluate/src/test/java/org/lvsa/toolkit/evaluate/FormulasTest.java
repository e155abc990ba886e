// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.lvsa.toolkit.evaluate.frame.Sampling;
import org.lvsa.toolkit.evaluate.network.Features;
import org.lvsa.toolkit.io.Json;

/** The published tool's functions on given numbers. */
class FormulasTest {
  private static final JsonNode GOLDEN = GoldenVideos.formulas();

  @Test
  void rangesMakeScores() {
    for (JsonNode one : GOLDEN.get("normalize_default")) {
      String name = one.get("metric").textValue();
      double value = one.get("value").doubleValue();
      double score =
          one.get("lower_is_better").booleanValue()
              ? Ranges.less(name, value)
              : Ranges.more(name, value);
      assertEquals(one.get("score").doubleValue(), score, 1e-9, one.toString());
    }
  }

  @Test
  void percentilesAreCalibrated() {
    JsonNode calibrate = GOLDEN.get("calibrate");
    ObjectNodes.near(
        calibrate.get("presets").get("percentile"),
        Calibration.of(doubles(calibrate.get("values"))),
        1e-9);
  }

  @Test
  void scoresBecomeWords() {
    for (JsonNode one : GOLDEN.get("verdict")) {
      assertEquals(
          one.get("verdict").textValue(),
          Verdict.of(one.get("score").doubleValue()).toString(),
          one.toString());
    }
    for (JsonNode one : GOLDEN.get("make_result")) {
      double score = one.get("score").isTextual() ? Double.NaN : one.get("score").doubleValue();
      Outcome.Scored scored = new Outcome.Scored(Dimension.LOOP_QUALITY, score, Json.object());
      assertEquals(one.get("stored").doubleValue(), scored.clamped(), one.toString());
      assertEquals(
          one.get("rounded").doubleValue(), Numbers.round(scored.clamped(), 1), one.toString());
      assertEquals(
          one.get("verdict").textValue(),
          scored.verdict(Rules.UPSTREAM).toString(),
          one.toString());
    }
  }

  @Test
  void numbersAreRoundedAsInPython() {
    for (JsonNode one : GOLDEN.get("round4")) {
      assertEquals(
          one.get("out").doubleValue(),
          Numbers.round(one.get("in").doubleValue(), 4),
          one.toString());
    }
    for (JsonNode one : GOLDEN.get("round1")) {
      assertEquals(
          one.get("out").doubleValue(),
          Numbers.round(one.get("in").doubleValue(), 1),
          one.toString());
    }
  }

  @Test
  void weightsAreShared() {
    for (JsonNode one : GOLDEN.get("effective_weights")) {
      Judgement judgement =
          new Judgement(
              Rules.UPSTREAM,
              text(one, "dimensions").map(names -> Dimension.list(names, Rules.UPSTREAM)),
              text(one, "weights")
                  .map(names -> Weights.parse(names, Rules.UPSTREAM))
                  .orElseGet(Weights::usual));
      List<Dimension> active = judgement.active(text(one, "prompt"));
      assertEquals(
          strings(one.get("active")), active.stream().map(Dimension::id).toList(), one.toString());
      Map<String, Double> shares = new TreeMap<>();
      judgement.weights().among(active).forEach((key, value) -> shares.put(key.id(), value));
      Map<String, Double> expected = new TreeMap<>();
      one.get("effective")
          .properties()
          .forEach(share -> expected.put(share.getKey(), share.getValue().doubleValue()));
      assertEquals(expected.keySet(), shares.keySet(), one.toString());
      expected.forEach((name, share) -> assertEquals(share, shares.get(name), 1e-12, name));
    }
  }

  @Test
  void framesAreSampled() {
    for (JsonNode one : GOLDEN.get("sample_indices")) {
      if (one.has("error")) {
        continue;
      }
      double perSecond =
          one.get("sample_fps").isNull() ? Sampling.USUAL : one.get("sample_fps").doubleValue();
      List<Integer> indices =
          new Sampling(perSecond, false)
              .indices(one.get("fps").doubleValue(), one.get("total_frames").intValue());
      assertEquals(one.get("indices"), Json.mapper().valueToTree(indices), one.toString());
    }
  }

  @Test
  void repetitionIsJudged() {
    for (JsonNode one : GOLDEN.get("loop")) {
      if (one.get("metrics").has("note")) {
        continue;
      }
      double[][] vectors = rows(one.get("embeddings"));
      double[] lengths = doubles(one.get("flow_magnitudes"));
      Outcome.Scored scored = LoopQuality.judge(vectors, lengths, Rules.UPSTREAM);
      String where = one.get("kind") + " " + one.get("n");
      assertEquals(one.get("score").doubleValue(), scored.score(), 1e-3, where);
      ObjectNodes.near(one.get("metrics"), scored.metrics(), 1e-5);
      double[] bands = Cycle.bands(Similarity.all(vectors));
      assertEquals(one.get("band_means").size(), bands.length, where);
      for (int k = 0; k < bands.length; k++) {
        assertEquals(one.get("band_means").get(k).doubleValue(), bands[k], 1e-6, where);
      }
    }
  }

  @Test
  void coherenceIsJudged() {
    for (JsonNode one : GOLDEN.get("temporal")) {
      if (!one.has("flickering_unrounded")) {
        continue;
      }
      String where = one.get("kind") + " " + one.get("n");
      double[] clip = Similarity.consecutive(rows(one.get("clip")));
      assertEquals(
          one.get("flickering_unrounded").doubleValue(),
          TemporalCoherence.flicker(clip),
          1e-2,
          where);
      Smoothness smoothness = Smoothness.of(doubles(one.get("flow_magnitudes")));
      JsonNode parts = one.get("motion_parts");
      assertEquals(one.get("motion_unrounded").doubleValue(), smoothness.score(), 1e-9, where);
      assertEquals(parts.get("variance").doubleValue(), smoothness.variance(), 1e-9, where);
      assertEquals(
          parts.get("max_abs_second_difference").doubleValue(), smoothness.jolt(), 1e-9, where);
      assertEquals(parts.get("consistency").doubleValue(), smoothness.consistency(), 1e-9, where);
    }
  }

  @Test
  void alignmentIsJudged() {
    for (JsonNode one : GOLDEN.get("text")) {
      double[] similarities = doubles(one.get("similarities"));
      Outcome.Scored scored = TextAlignment.judge(similarities, Rules.UPSTREAM);
      assertEquals(one.get("score").doubleValue(), scored.score(), 1e-4, one.toString());
      assertEquals(
          one.get("slope").doubleValue(),
          scored.metrics().get("drift_slope").doubleValue(),
          1e-9,
          one.toString());
      assertEquals(
          one.get("significant").booleanValue(),
          scored.metrics().get("drift_significant").booleanValue(),
          one.toString());
    }
  }

  @Test
  void directionsMakeEntropy() {
    for (JsonNode one : GOLDEN.get("dynamic_entropy")) {
      long[] directions =
          StreamSupport.stream(one.get("hist").spliterator(), false)
              .mapToLong(JsonNode::longValue)
              .toArray();
      assertEquals(
          one.get("diversity").doubleValue(),
          DynamicQuality.diversity(directions),
          1e-9,
          one.toString());
    }
  }

  @Test
  void noNetworkLeavesNoText() {
    assertEquals(
        "needs CLIP's picture encoder, CLIP's text encoder",
        ((Outcome.Absent) TextAlignment.judge(Features.NONE, Rules.MENDED)).reason());
  }

  private static Optional<String> text(JsonNode node, String field) {
    return Optional.ofNullable(node.get(field).textValue());
  }

  private static List<String> strings(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false).map(JsonNode::textValue).toList();
  }

  private static double[] doubles(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false)
        .mapToDouble(JsonNode::doubleValue)
        .toArray();
  }

  private static double[][] rows(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false)
        .map(FormulasTest::doubles)
        .toArray(double[][]::new);
  }
}
