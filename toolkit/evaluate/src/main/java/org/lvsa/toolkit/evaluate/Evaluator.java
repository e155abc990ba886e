// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;
import org.lvsa.toolkit.evaluate.frame.Sampling;
import org.lvsa.toolkit.evaluate.frame.VideoSampler;
import org.lvsa.toolkit.evaluate.network.Features;

/**
 * Reads and judges videos, one after the other. Within a video, frames are judged on all cores.
 *
 * @param judgement the rules, the dimensions and their weights
 * @param sampling which frames are judged
 * @param features what networks say of a video's frames
 */
public record Evaluator(Judgement judgement, Sampling sampling, FeatureSource features) {

  /** Where the networks' results for a video come from. */
  @FunctionalInterface
  public interface FeatureSource {
    /** The results for a video and its prompt. */
    Features of(SampledVideo video, Optional<String> prompt);
  }

  /**
   * Judges a video.
   *
   * @param prompt of which it was made, if known
   * @param reference a video to compare it with frame by frame, if wanted
   * @param progress is told in a word or two what is being done
   * @throws org.lvsa.toolkit.io.MalformedFileException if a file is missing or is no video that can
   *     be judged
   */
  public Evaluation evaluate(
      Path file, Optional<String> prompt, Optional<Path> reference, Consumer<String> progress) {
    long begun = System.nanoTime();
    progress.accept("reading");
    // The published tool knows no measures of all frames.
    Optional<FrameSequence> sequence =
        judgement.rules() == Rules.MENDED ? Optional.of(new FrameSequence()) : Optional.empty();
    SampledVideo video = VideoSampler.read(file, sampling, sequence.map(all -> all));
    progress.accept("networks");
    Features known = features.of(video, prompt);
    List<Outcome> outcomes =
        judgement.judge(video, prompt, known, dimension -> progress.accept(dimension.title()));
    Optional<Comparison> comparison =
        reference.map(
            other -> {
              progress.accept("comparing");
              return Comparison.of(file, other);
            });
    return new Evaluation(
        video,
        judgement,
        outcomes,
        judgement.weights().among(judgement.active(prompt)),
        known,
        sequence.map(FrameSequence::measures),
        comparison,
        (System.nanoTime() - begun) / 1e9);
  }
}
