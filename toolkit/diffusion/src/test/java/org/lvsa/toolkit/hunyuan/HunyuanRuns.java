// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.ResumeFile;
import org.lvsa.toolkit.pipeline.VideoPipeline;

/** Runs of a pipeline on the CPU. */
final class HunyuanRuns {
  /** For all that lies behind the embedding of the time step. */
  private static final double BEHIND_TIME = 1e-4;

  private HunyuanRuns() {}

  private static GenerationAttention attention(
      Map<String, String> variables,
      VideoPipeline pipeline,
      GenerationSettings settings,
      List<String> lines) {
    Map<String, String> all = new HashMap<>(variables);
    all.put("LVSA_BACKEND", "vector");
    return new GenerationAttention(
        new GenerationAttention.Settings(
            TestConfig.of(all), StepCounting.EXAMPLES, KernelOptions.DEFAULT, Optional.empty()),
        pipeline.attended(settings.size()),
        (level, line) -> lines.add(line));
  }

  /** Denoises and compares every step; gives the clean latents. */
  static float[] check(
      GoldenRun run,
      VideoPipeline pipeline,
      GenerationSettings settings,
      Map<String, String> variables,
      List<String> lines) {
    Map<String, Double> differences = new TreeMap<>();
    try (Denoising denoising = pipeline.prepare(settings);
        GenerationAttention attention = attention(variables, pipeline, settings, lines)) {
      float[] latents =
          denoising.run(
              attention,
              Optional.empty(),
              (step, sample, history) -> {
                String name = "step" + step + ".latents";
                differences.put(name, run.checkAtLeast(name, sample, BEHIND_TIME));
              });
      assertEquals(settings.steps(), differences.size());
      System.out.println("rms-relative differences, pipeline: " + differences);
      return latents;
    }
  }

  /**
   * Denoises.
   *
   * @param from an earlier run's state; empty to begin
   * @param states takes the state after each step
   * @param lines takes the log
   */
  static float[] denoise(
      VideoPipeline pipeline,
      GenerationSettings settings,
      Map<String, String> variables,
      Optional<ResumeFile.State> from,
      Map<Integer, ResumeFile.State> states,
      List<String> lines) {
    try (Denoising denoising = pipeline.prepare(settings);
        GenerationAttention attention = attention(variables, pipeline, settings, lines)) {
      return denoising.run(
          attention,
          from,
          (step, sample, history) ->
              states.put(step, new ResumeFile.State(sample, history.get(), Map.of())));
    }
  }
}
