// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.lvsa.toolkit.evaluate.network.Features;
import org.lvsa.toolkit.evaluate.network.Network;
import org.lvsa.toolkit.io.Json;

/** Whether a video shows what the prompt says, and whether it drifts away from it. */
public final class TextAlignment {
  private TextAlignment() {}

  /**
   * A straight line through a curve.
   *
   * @param slope change from the first to the last frame
   * @param significant whether it is more than the scatter around it
   */
  record Drift(double slope, boolean significant) {
    private static final double ROUNDING = 1e-12;

    private static boolean isConstant(double[] values) {
      return Arrays.stream(values).allMatch(value -> value == values[0]);
    }

    /**
     * Least squares; nothing is concluded from fewer than three values. Under upstream's rules a
     * curve of one value drifts: NumPy's rounding errors are larger there than their scatter.
     */
    static Drift of(double[] values, Rules rules) {
      int count = values.length;
      if (count < 3) {
        return new Drift(0, false);
      }
      double middle = Numbers.mean(values);
      double product = 0;
      double squares = 0;
      for (int i = 0; i < count; i++) {
        double x = (double) i / (count - 1) - 0.5;
        product += x * (values[i] - middle);
        squares += x * x;
      }
      double slope = product / squares;
      double[] rest = new double[count];
      for (int i = 0; i < count; i++) {
        rest[i] = values[i] - middle - slope * ((double) i / (count - 1) - 0.5);
      }
      if (Math.abs(slope) < ROUNDING) {
        return new Drift(0, rules == Rules.UPSTREAM && middle != 0 && isConstant(values));
      }
      return new Drift(slope, Math.abs(slope) > 2 * Numbers.deviation(rest) / Math.sqrt(count));
    }
  }

  /** Judges a video. */
  static Outcome judge(Features features, Rules rules) {
    List<Network> missing = features.missing(Network.CLIP_IMAGE, Network.CLIP_TEXT);
    if (!missing.isEmpty()) {
      return new Outcome.Absent(
          Dimension.TEXT_ALIGNMENT, Needs.of(missing), Json.object(), Map.of());
    }
    double[] text = features.vectors(Network.CLIP_TEXT)[0];
    double[] similarities =
        Stream.of(features.vectors(Network.CLIP_IMAGE))
            .mapToDouble(frame -> Similarity.cosine(text, frame))
            .toArray();
    return judge(similarities, rules);
  }

  /** Judges by the similarity of each frame and the prompt. */
  static Outcome.Scored judge(double[] similarities, Rules rules) {
    double mean = (float) Numbers.mean(similarities);
    Drift drift = Drift.of(similarities, rules);
    double score = Ranges.more("clip_text_sim", mean);
    if (drift.significant() && drift.slope() < 0) {
      score -= Math.min(15, Math.abs(drift.slope()) * 1000);
    }
    ObjectNode metrics = Json.object();
    metrics.put("clip_similarity_mean", mean);
    metrics.put("clip_similarity_min", Arrays.stream(similarities).min().orElseThrow());
    metrics.put("clip_similarity_max", Arrays.stream(similarities).max().orElseThrow());
    metrics.put("drift_slope", drift.slope());
    metrics.put("drift_significant", drift.significant());
    return new Outcome.Scored(
        Dimension.TEXT_ALIGNMENT,
        score,
        metrics,
        Map.of(
            "text_similarity",
            new Outcome.Curve(IntStream.range(0, similarities.length).toArray(), similarities)));
  }
}
