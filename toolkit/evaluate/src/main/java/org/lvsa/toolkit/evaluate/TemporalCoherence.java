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

/**
 * Whether frames follow from each other: flickering and consistency by CLIP and DINOv2, smoothness
 * of motion by optical flow, warping by key points.
 */
public final class TemporalCoherence {
  private static final int FEWEST = 3;
  private static final String TOO_FEW = "too few frames for temporal analysis";

  private TemporalCoherence() {}

  /** Judges a video. */
  static Outcome judge(SampledVideo video, Features features, Motion motion, Rules rules) {
    if (video.count() < FEWEST) {
      return rules == Rules.UPSTREAM
          ? new Outcome.Scored(Dimension.TEMPORAL_COHERENCE, 50, Json.object().put("note", TOO_FEW))
          : new Outcome.Absent(Dimension.TEMPORAL_COHERENCE, TOO_FEW, Json.object(), Map.of());
    }
    List<Network> missing = features.missing(Network.CLIP_IMAGE, Network.DINO);
    if (rules == Rules.UPSTREAM && !missing.isEmpty()) {
      return new Outcome.Absent(
          Dimension.TEMPORAL_COHERENCE, Needs.of(missing), Json.object(), Map.of());
    }
    Smoothness smoothness = Smoothness.of(motion.lengths());
    Warping warping = Warping.of(video, rules);
    Map<String, Outcome.Curve> curves = new LinkedHashMap<>();
    curves.put("motion", new Outcome.Curve(motion.smoothnessPairs(), motion.lengths()));
    ObjectNode metrics = Json.object();
    if (!missing.isEmpty()) {
      metrics.put("motion_smoothness", smoothness.score());
      warping.write(metrics, video, rules);
      return new Outcome.Absent(Dimension.TEMPORAL_COHERENCE, Needs.of(missing), metrics, curves);
    }
    double[] clip = Similarity.consecutive(features.vectors(Network.CLIP_IMAGE));
    curves.put(
        "clip_similarity", new Outcome.Curve(IntStream.range(0, clip.length).toArray(), clip));
    double flicker = flicker(clip);
    double subject = (float) Numbers.mean(Similarity.consecutive(features.vectors(Network.DINO)));
    double background = (float) Numbers.mean(clip);
    boolean rounded = rules == Rules.UPSTREAM;
    metrics.put("flickering_score", rounded ? Numbers.round(flicker, 1) : flicker);
    metrics.put(
        "motion_smoothness", rounded ? Numbers.round(smoothness.score(), 1) : smoothness.score());
    metrics.put("subject_consistency", rounded ? Numbers.round(subject, 4) : subject);
    metrics.put("background_consistency", rounded ? Numbers.round(background, 4) : background);
    warping.write(metrics, video, rules);
    double score =
        0.25 * flicker
            + 0.30 * smoothness.score()
            + 0.20 * (subject * 100)
            + 0.15 * (background * 100)
            + 0.10 * Numbers.atLeastZero(100 - warping.penalty(rules));
    return new Outcome.Scored(
        Dimension.TEMPORAL_COHERENCE, Math.min(100, Numbers.atLeastZero(score)), metrics, curves);
  }

  /**
   * How little the picture's meaning changes from frame to frame, 0 to 100.
   *
   * @param similarities of consecutive frames' CLIP vectors
   */
  static double flicker(double[] similarities) {
    double[] changes = new double[similarities.length];
    for (int i = 0; i < changes.length; i++) {
      changes[i] = (float) (1 - similarities[i]);
    }
    double score =
        Math.max(0, Math.min(100, (1 - Numbers.mean(changes) / 0.15) * 100))
            - Math.min(20, Numbers.deviation(changes) / 0.05 * 10);
    return Numbers.atLeastZero(score);
  }
}
