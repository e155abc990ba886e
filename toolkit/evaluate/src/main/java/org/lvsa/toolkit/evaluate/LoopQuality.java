// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;
import org.lvsa.toolkit.evaluate.network.Features;
import org.lvsa.toolkit.evaluate.network.Network;
import org.lvsa.toolkit.io.Json;

/** Whether a video does not repeat itself: more is better. */
public final class LoopQuality {
  private static final int FEWEST = 10;
  private static final double DUPLICATE = 0.97;
  private static final String TOO_FEW = "too few frames for repetition analysis";

  private LoopQuality() {}

  /** Judges a video. */
  static Outcome judge(SampledVideo video, Features features, Motion motion, Rules rules) {
    if (video.count() < FEWEST) {
      return rules == Rules.UPSTREAM
          ? new Outcome.Scored(Dimension.LOOP_QUALITY, 80, Json.object().put("note", TOO_FEW))
          : new Outcome.Absent(Dimension.LOOP_QUALITY, TOO_FEW, Json.object(), Map.of());
    }
    List<Network> missing = features.missing(Network.CLIP_IMAGE);
    if (!missing.isEmpty()) {
      ObjectNode metrics = Json.object();
      if (rules == Rules.MENDED) {
        metrics.put("flow_periodicity", periodicity(motion.lengths()));
      }
      return new Outcome.Absent(Dimension.LOOP_QUALITY, Needs.of(missing), metrics, Map.of());
    }
    return judge(features.vectors(Network.CLIP_IMAGE), motion.lengths(), rules);
  }

  /**
   * Judges at least 10 frames by their CLIP vectors and by the mean motion of pairs of them.
   *
   * @param lengths pixels
   */
  static Outcome.Scored judge(double[][] vectors, double[] lengths, Rules rules) {
    double[][] similarities = Similarity.all(vectors);
    Cycle cycle = Cycle.of(similarities, rules);
    double duplicates = Math.min(1, 3 * duplicateRatio(similarities));
    double periodicity = periodicity(lengths);
    Recurrence recurrence = Recurrence.of(Similarity.steps(vectors), rules);
    double severity =
        0.35 * cycle.score()
            + 0.25 * duplicates
            + 0.20 * periodicity
            + 0.20 * recurrence.strength();
    ObjectNode metrics = Json.object();
    metrics.put("repetition_severity", severity);
    metrics.put("cycle_detected", cycle.score() > Cycle.DETECTED);
    if (rules == Rules.UPSTREAM || cycle.period() > 0) {
      metrics.put("cycle_period_frames", cycle.period());
    }
    metrics.put("duplicate_frame_ratio", duplicates);
    metrics.put("longest_repeat_frames", longestRepeat(similarities));
    metrics.put("flow_periodicity", periodicity);
    metrics.put("autocorrelation_peak_lag", recurrence.lag());
    metrics.put("autocorrelation_strength", recurrence.strength());
    metrics.put("self_similarity_offdiag_mean", cycle.meanSimilarity());
    metrics.put("self_similarity_offdiag_std", cycle.deviation());
    Map<String, Outcome.Curve> curves = new LinkedHashMap<>();
    double[] curve = recurrence.curve();
    if (curve.length > 0) {
      curves.put(
          "autocorrelation",
          new Outcome.Curve(IntStream.rangeClosed(1, curve.length).toArray(), curve));
    }
    return new Outcome.Scored(
        Dimension.LOOP_QUALITY, Numbers.atLeastZero((1 - severity) * 100), metrics, curves);
  }

  /** Share of the pairs of frames, not near each other, that are nearly the same. */
  static double duplicateRatio(double[][] similarities) {
    int duplicates = 0;
    int pairs = 0;
    for (int i = 0; i < similarities.length; i++) {
      for (int j = i + Cycle.shortest(similarities.length); j < similarities.length; j++) {
        pairs++;
        duplicates += similarities[i][j] > DUPLICATE ? 1 : 0;
      }
    }
    return (double) duplicates / Math.max(1, pairs);
  }

  /** The longest run of frames each of which is nearly the same as the one a period later. */
  static int longestRepeat(double[][] similarities) {
    int frames = similarities.length;
    int longest = 0;
    for (int period = Cycle.shortest(frames); period <= frames / 2; period++) {
      int run = 0;
      for (int i = 0; i + period < frames; i++) {
        run = similarities[i][i + period] > DUPLICATE ? run + 1 : 0;
        longest = Math.max(longest, run);
      }
    }
    return longest;
  }

  /** How far one frequency rules the motion, 0 to 1. */
  static double periodicity(double[] lengths) {
    if (lengths.length < 4 || !(Numbers.deviation(lengths) >= 1e-6)) {
      return 0;
    }
    double mean = Numbers.mean(lengths);
    int count = lengths.length;
    double total = 0;
    double largest = 0;
    for (int frequency = 1; frequency <= count / 2; frequency++) {
      double real = 0;
      double imaginary = 0;
      for (int i = 0; i < count; i++) {
        double angle = 2 * Math.PI * ((long) frequency * i % count) / count;
        real += (lengths[i] - mean) * Math.cos(angle);
        imaginary -= (lengths[i] - mean) * Math.sin(angle);
      }
      double power = real * real + imaginary * imaginary;
      total += power;
      largest = Math.max(largest, power);
    }
    return total < 1e-6 ? 0 : Numbers.unit((largest / total - 0.3) / 0.4);
  }
}
