// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.attention.AttentionProcessor;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.GenerationOptions;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.wan.ProcessorAttention;
import org.lvsa.toolkit.wan.VideoGrid;
import org.lvsa.toolkit.wan.VideoSelfAttention;
import org.nd4j.linalg.api.ndarray.INDArray;

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

  /** As {@link #GenerationAttention(Settings, int, LineLog, RankView)}, on one rank. */
  public GenerationAttention(Settings settings, int latentFrames, LineLog log) {
    this(settings, latentFrames, log, RankView.alone());
  }

  /**
   * Opens a kernel.
   *
   * @param latentFrames of the video
   * @param log takes the published lines
   * @param view this rank's place among those that make the video together
   * @throws org.lvsa.toolkit.backend.UnavailableException if the backend cannot run here
   */
  public GenerationAttention(Settings settings, int latentFrames, LineLog log, RankView view) {
    capture = settings.capture();
    generation =
        new Generation(
            GenerationOptions.of(settings.config())
                .withLatentFrames(latentFrames)
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
            new ProcessorAttention(generation, AttentionProcessor.of(settings.config(), "wan")),
            view.ranks());
  }

  /**
   * A run of the model begins.
   *
   * @param nextStep number of the step, from 0
   * @param nextBranches texts of its batch elements
   */
  void begin(int nextStep, List<DenoisingLoop.Branch> nextBranches) {
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
  void goOn(int layers, long passes) {
    generation.steps().goOn(layers, passes);
  }

  @Override
  public INDArray attend(int layer, INDArray query, INDArray key, INDArray value, VideoGrid grid) {
    INDArray out = attention.attend(layer, query, key, value, grid);
    calls++;
    densities += generation.density();
    if (capture.isPresent() && capture.get().selects(layer, step)) {
      for (int element = 0; element < branches.size(); element++) {
        CaptureFile.write(
            capture.get().file(layer, step, branches.get(element)),
            new Qkv(query, key, value),
            element,
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
