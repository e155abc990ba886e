// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;
import org.lvsa.toolkit.evaluate.network.Features;
import org.lvsa.toolkit.evaluate.network.Network;
import org.lvsa.toolkit.io.Json;

/** How much moves, in how many directions, and how the frames look. */
public final class DynamicQuality {
  private static final int FRAMES = 10;
  private static final int FEWEST_MOVING = 100;
  private static final double MOST_BITS = 4;

  private DynamicQuality() {}

  /** Judges a video. */
  static Outcome judge(SampledVideo video, Features features, Motion motion, Rules rules) {
    if (video.count() < 2) {
      return rules == Rules.UPSTREAM
          ? new Outcome.Scored(
              Dimension.DYNAMIC_QUALITY, 50, Json.object().put("note", "single frame"))
          : new Outcome.Absent(Dimension.DYNAMIC_QUALITY, "single frame", Json.object(), Map.of());
    }
    Motion.Pair[] pairs = motion.dynamicsPairs();
    double degree = Numbers.mean(Stream.of(pairs).mapToDouble(Motion.Pair::movingShare).toArray());
    double diversity = diversity(directions(pairs, rules));
    ObjectNode metrics = Json.object();
    metrics.put("dynamic_degree", degree);
    metrics.put("motion_diversity", rules == Rules.UPSTREAM ? diversity : Math.abs(diversity));
    List<Network> missing = missing(features, rules);
    if (!missing.isEmpty()) {
      ObjectNode measures = rules == Rules.UPSTREAM ? Json.object() : metrics;
      return new Outcome.Absent(Dimension.DYNAMIC_QUALITY, Needs.of(missing), measures, Map.of());
    }
    double[] looks = looks(features, video.count());
    double aesthetic = Numbers.mean(looks);
    metrics.put("aesthetic_mean", aesthetic);
    metrics.put("aesthetic_std", Numbers.deviation(looks));
    double score =
        0.35 * 100 * degree + 0.25 * 100 * diversity + 0.40 * Ranges.more("aesthetic", aesthetic);
    return new Outcome.Scored(Dimension.DYNAMIC_QUALITY, score, metrics);
  }

  /** Upstream makes do with CLIP, and then with a constant. */
  private static List<Network> missing(Features features, Rules rules) {
    List<Network> missing = features.missing(Network.AESTHETIC);
    boolean substitute = features.has(Network.CLIP_IQA) || features.has(Network.CLIP_IMAGE);
    if (missing.isEmpty() || rules == Rules.UPSTREAM && substitute) {
      return List.of();
    }
    return rules == Rules.UPSTREAM ? List.of(Network.CLIP_IMAGE) : missing;
  }

  /** How about 10 frames look, 1 to 10. */
  private static double[] looks(Features features, int frames) {
    Network network = features.has(Network.AESTHETIC) ? Network.AESTHETIC : Network.CLIP_IQA;
    if (features.has(network)) {
      double[] scores = features.scores(network);
      return IntStream.of(Pairs.frames(frames, FRAMES)).mapToDouble(i -> 10 * scores[i]).toArray();
    }
    // The length of CLIP's vectors, which are unit vectors: always 8.
    return Stream.of(features.vectors(Network.CLIP_IMAGE))
        .mapToDouble(vector -> 3 + 5 * Math.sqrt(squares(vector)))
        .toArray();
  }

  private static double squares(double[] vector) {
    double sum = 0;
    for (double value : vector) {
      sum += value * value;
    }
    return sum;
  }

  private static long[] directions(Motion.Pair[] pairs, Rules rules) {
    long[] sum = new long[Motion.DIRECTIONS];
    for (Motion.Pair pair : pairs) {
      if (pair.moving() >= FEWEST_MOVING) {
        long[] one = rules == Rules.UPSTREAM ? pair.directions() : pair.centredDirections();
        for (int bin = 0; bin < sum.length; bin++) {
          sum[bin] += one[bin];
        }
      }
    }
    return sum;
  }

  /** The entropy of the directions' distribution, as a share of the largest possible: 0 to 1. */
  static double diversity(long[] directions) {
    double total = LongStream.of(directions).sum();
    if (total == 0) {
      return 0;
    }
    double bits = 0;
    for (long count : directions) {
      if (count > 0) {
        bits += count / total * (Math.log(count / total) / Math.log(2));
      }
    }
    return Math.min(1, -bits / MOST_BITS);
  }
}
