// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.util.Map;

/** A measure's value as a score from 0 to 100, by the range in which the measure usually lies. */
final class Ranges {
  private record Range(double low, double high) {}

  private static final Map<String, Range> BUILT_IN =
      Map.ofEntries(
          Map.entry("brisque", new Range(0, 80)),
          Map.entry("niqe", new Range(2, 10)),
          Map.entry("clip_iqa", new Range(0, 1)),
          Map.entry("laplacian_var", new Range(0, 1000)),
          Map.entry("ssim", new Range(0, 1)),
          Map.entry("lpips", new Range(0, 1)),
          Map.entry("cosine_sim", new Range(0, 1)),
          Map.entry("flow_magnitude", new Range(0, 50)),
          Map.entry("dynamic_degree", new Range(0, 1)),
          Map.entry("aesthetic", new Range(1, 10)),
          Map.entry("clip_text_sim", new Range(0, 0.45)));

  private Ranges() {}

  /** The score of a measure of which more is better; one without a known range lies in 0 to 1. */
  static double more(String measure, double value) {
    return score(measure, value, false);
  }

  /** The score of a measure of which less is better. */
  static double less(String measure, double value) {
    return score(measure, value, true);
  }

  private static double score(String measure, double value, boolean lessIsBetter) {
    Range range = BUILT_IN.get(measure);
    if (range == null) {
      return Math.max(0, Math.min(100, (lessIsBetter ? 1 - value : value) * 100));
    }
    double share = Numbers.unit((value - range.low()) / (range.high() - range.low()));
    return (lessIsBetter ? 1 - share : share) * 100;
  }
}
