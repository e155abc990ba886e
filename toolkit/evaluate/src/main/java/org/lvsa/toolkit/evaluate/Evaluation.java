// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;
import org.lvsa.toolkit.evaluate.network.Features;
import org.lvsa.toolkit.evaluate.network.Network;

/**
 * What came of judging a video.
 *
 * @param video its frames
 * @param judgement how it was judged
 * @param outcomes per dimension
 * @param weights that were meant to count, of all active dimensions
 * @param features what networks said
 * @param sequence measures of all its frames, if they were asked for
 * @param reference how it compares with another video, if one was given
 * @param seconds that reading and judging took
 */
public record Evaluation(
    SampledVideo video,
    Judgement judgement,
    List<Outcome> outcomes,
    Map<Dimension, Double> weights,
    Features features,
    Optional<FrameSequence.Measures> sequence,
    Optional<Comparison> reference,
    double seconds) {

  /** The dimensions with a score. */
  public List<Outcome.Scored> scored() {
    return outcomes.stream()
        .flatMap(
            outcome ->
                outcome instanceof Outcome.Scored scored ? Stream.of(scored) : Stream.empty())
        .toList();
  }

  /** The dimensions without one. */
  public List<Outcome.Absent> absent() {
    return outcomes.stream()
        .flatMap(
            outcome ->
                outcome instanceof Outcome.Absent absent ? Stream.of(absent) : Stream.empty())
        .toList();
  }

  /** How alike each two judged frames are to CLIP, 0 to 1; nothing without CLIP. */
  public Optional<double[][]> similarities() {
    return features.has(Network.CLIP_IMAGE)
        ? Optional.of(Similarity.all(features.vectors(Network.CLIP_IMAGE)))
        : Optional.empty();
  }

  /** The outcome of a dimension, if it was judged. */
  public Optional<Outcome> outcome(Dimension dimension) {
    return outcomes.stream().filter(outcome -> outcome.dimension() == dimension).findFirst();
  }

  /**
   * The weighted mean of the scores that there are. Without any, the published tool says 0 and we
   * say nothing.
   */
  public OptionalDouble composite() {
    double sum = 0;
    double total = 0;
    for (Outcome.Scored scored : scored()) {
      double weight = weights.get(scored.dimension());
      sum += scored.clamped() * weight;
      total += weight;
    }
    if (total > 0) {
      return OptionalDouble.of(sum / total);
    }
    return judgement.rules() == Rules.UPSTREAM ? OptionalDouble.of(0) : OptionalDouble.empty();
  }

  /** The composite score in a word. */
  public Optional<Verdict> verdict() {
    OptionalDouble composite = composite();
    if (composite.isEmpty()) {
      return Optional.empty();
    }
    double score = composite.getAsDouble();
    return Optional.of(
        Verdict.of(judgement.rules() == Rules.UPSTREAM ? score : Numbers.round(score, 1)));
  }

  /**
   * The weights as they are reported: of the active dimensions by the published tool, even where
   * one of them gave no score; of those with a score by us.
   */
  public Map<Dimension, Double> reportedWeights() {
    return judgement.rules() == Rules.UPSTREAM
        ? weights
        : judgement
            .weights()
            .among(scored().stream().map(Outcome.Scored::dimension).collect(Collectors.toSet()));
  }
}
