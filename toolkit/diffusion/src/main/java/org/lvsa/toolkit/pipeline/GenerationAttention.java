// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.attention.Attended;
import org.lvsa.toolkit.attention.AttentionProcessor;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.GenerationOptions;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.ProcessorAttention;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.pipeline.VideoPipeline.AttendedVideo;

/**
 * The self-attention of one denoising run, dense or sparse as the settings say, on the backend that
 * they name. Counts what really runs, and writes queries, keys and values to files where that is
 * asked for.
 */
public final class GenerationAttention implements VideoSelfAttention, AutoCloseable {
  private static final String PASSED_OVER = "auto passes over";

  private final Generation generation;
  private final VideoSelfAttention attention;
  private final Optional<CaptureSettings> capture;
  private final List<String> passedOver = new ArrayList<>();
  private int step;
  private List<DenoisingLoop.Branch> branches = List.of();
  private int calls;
  private double densities;

  /**
   * How a run attends.
   *
   * @param config settings; LVSA runs where they select it for the role {@code self}
   * @param counting how steps are counted for rotation
   * @param kernel device and kernel
   * @param capture what is written to files
   */
  public record Settings(
      LvsaConfig config,
      StepCounting counting,
      KernelOptions kernel,
      Optional<CaptureSettings> capture) {}

  /** As {@link #GenerationAttention(Settings, AttendedVideo, LineLog, RankView)}, on one rank. */
  public GenerationAttention(Settings settings, AttendedVideo video, LineLog log) {
    this(settings, video, log, RankView.alone());
  }

  /**
   * Opens a kernel.
   *
   * @param video that attends
   * @param log takes the published lines
   * @param view this rank's place among those that make the video together
   * @throws org.lvsa.toolkit.backend.UnavailableException if the backend cannot run here
   */
  public GenerationAttention(Settings settings, AttendedVideo video, LineLog log, RankView view) {
    capture = settings.capture();
    generation =
        new Generation(
            GenerationOptions.of(settings.config())
                .withLatentFrames(video.frames())
                .withCounting(settings.counting())
                .withView(view)
                .withKernel(settings.kernel()),
            (level, line) -> {
              if (line.startsWith(PASSED_OVER)) {
                passedOver.add(line);
              }
              log.line(level, line);
            });
    attention =
        new SharedAttention(
            new ProcessorAttention(
                generation, AttentionProcessor.of(settings.config(), video.model())),
            view.ranks());
  }

  /**
   * A run of the model begins.
   *
   * @param nextStep number of the step, from 0
   * @param nextBranches texts of its batch elements
   */
  public void begin(int nextStep, List<DenoisingLoop.Branch> nextBranches) {
    step = nextStep;
    branches = nextBranches;
    generation.steps().begin(nextStep);
  }

  /**
   * An earlier run made the first steps.
   *
   * @param layers blocks of the model
   * @param passes runs of the model that it made
   */
  public void goOn(int layers, long passes) {
    generation.steps().goOn(layers, passes);
  }

  @Override
  public Attended attend(int layer, VideoGrid grid, Qkv video, Optional<Qkv> text) {
    Attended out = attention.attend(layer, grid, video, text);
    calls++;
    densities += generation.density();
    if (capture.isPresent() && capture.get().selects(layer, step)) {
      Qkv joint = video.then(text);
      for (int element = 0; element < branches.size(); element++) {
        CaptureFile.write(
            capture.get().file(layer, step, branches.get(element)),
            joint,
            element,
            text.map(Qkv::tokens).orElse(0),
            generation
                .patternSettings(grid.frames(), grid.patches().patches())
                .withStep(generation.steps().step()));
      }
    }
    return out;
  }

  /** What ran so far. */
  public AttentionReport report() {
    List<String> fallbacks = new ArrayList<>(passedOver);
    fallbacks.addAll(generation.fallbacks());
    return new AttentionReport(
        generation.device(),
        generation.kernel(),
        calls,
        calls == 0 ? Double.NaN : densities / calls,
        generation.kernelMillis(),
        fallbacks);
  }

  @Override
  public void close() {
    generation.close();
  }
}
