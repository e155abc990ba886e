// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;
import org.lvsa.toolkit.evaluate.network.Features;

/**
 * How videos are judged.
 *
 * @param rules the published tool's or ours
 * @param dimensions which are wanted, in the order in which they are reported; empty for all
 * @param weights of the dimensions
 */
public record Judgement(Rules rules, Optional<List<Dimension>> dimensions, Weights weights) {
  /** All dimensions with their usual weights. */
  public static Judgement usual(Rules rules) {
    return new Judgement(rules, Optional.empty(), Weights.usual());
  }

  /** The dimensions that are judged: without a prompt, nothing can be said of the text. */
  public List<Dimension> active(Optional<String> prompt) {
    List<Dimension> all = new ArrayList<>(List.of(Dimension.values()));
    if (prompt.filter(text -> !text.isEmpty()).isEmpty()) {
      all.remove(Dimension.TEXT_ALIGNMENT);
    }
    return dimensions.map(wanted -> wanted.stream().filter(all::contains).toList()).orElse(all);
  }

  /**
   * Judges a video.
   *
   * @param prompt of which the video was made, if known
   * @param features what networks say of its frames
   * @param progress is told each dimension before it is judged
   * @return an outcome per active dimension, in their order, each once
   */
  public List<Outcome> judge(
      SampledVideo video,
      Optional<String> prompt,
      Features features,
      Consumer<Dimension> progress) {
    List<Dimension> active = active(prompt).stream().distinct().toList();
    boolean moves =
        active.stream()
            .anyMatch(
                dimension ->
                    dimension == Dimension.TEMPORAL_COHERENCE
                        || dimension == Dimension.LOOP_QUALITY
                        || dimension == Dimension.DYNAMIC_QUALITY);
    Optional<Motion> motion = moves ? Optional.of(Motion.of(video)) : Optional.empty();
    List<Outcome> outcomes = new ArrayList<>();
    for (Dimension dimension : active) {
      if (dimension == Dimension.TEXT_ALIGNMENT && prompt.orElse("").isBlank()) {
        continue;
      }
      progress.accept(dimension);
      Outcome outcome =
          switch (dimension) {
            case SPATIAL_QUALITY -> SpatialQuality.judge(video, features, rules);
            case TEMPORAL_COHERENCE ->
                TemporalCoherence.judge(video, features, motion.orElseThrow(), rules);
            case LOOP_QUALITY -> LoopQuality.judge(video, features, motion.orElseThrow(), rules);
            case ARTIFACT_DETECTION -> ArtifactDetection.judge(video, features, rules);
            case DYNAMIC_QUALITY ->
                DynamicQuality.judge(video, features, motion.orElseThrow(), rules);
            case TEXT_ALIGNMENT -> TextAlignment.judge(features, rules);
          };
      outcomes.add(rules == Rules.MENDED ? withoutNaN(outcome) : outcome);
    }
    return outcomes;
  }

  /** A score that is no number is none. */
  private static Outcome withoutNaN(Outcome outcome) {
    return outcome instanceof Outcome.Scored scored && Double.isNaN(scored.score())
        ? new Outcome.Absent(
            scored.dimension(), "the score is not a number", scored.metrics(), scored.curves())
        : outcome;
  }
}
