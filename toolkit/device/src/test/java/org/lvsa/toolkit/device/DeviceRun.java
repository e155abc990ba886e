// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Assumptions;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.tornado.TornadoTransformers;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.AttentionReport;
import org.lvsa.toolkit.pipeline.DecodedFrames;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.pipeline.DeviceMemory;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.Inputs;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.Pipelines;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;

/** A golden model whose transformer is on a device in float32, and what it said of that. */
final class DeviceRun implements AutoCloseable {
  /** For all that lies behind the embedding of the time step, as on the CPU. */
  private static final double BEHIND_TIME = 1e-4;

  private final VideoPipeline pipeline;
  private final List<String> said = new ArrayList<>();

  private DeviceRun(VideoPipeline pipeline, VideoSize size, boolean vae) {
    this.pipeline = pipeline;
    DeviceChoice choice =
        new DeviceChoice("tornado", DType.F32, KernelOptions.DEFAULT).withVae(vae);
    DeviceMemory.require(pipeline, choice, size, said::add);
    pipeline.transformerOnDevice(
        choice, Optional.of(size), (done, all, what) -> said.add(done + "/" + all + " " + what));
  }

  /** Skips the test where TornadoVM has no device. */
  static void assumeDevice() {
    Availability availability = new TornadoTransformers().availability();
    Assumptions.assumeTrue(
        availability instanceof Availability.Available, () -> "skipped: " + availability);
  }

  /**
   * Opens a model's folder.
   *
   * @param replaced components from other folders, by name
   * @param size of the video that the device is made ready for
   * @param vae whether latents are decoded there too
   */
  static DeviceRun open(Path folder, Map<String, Path> replaced, VideoSize size, boolean vae) {
    assumeDevice();
    return new DeviceRun(
        Pipelines.open(ModelFolder.open(folder, replaced), Optional.empty(), false), size, vae);
  }

  VideoPipeline pipeline() {
    return pipeline;
  }

  /** Lines that the device said since the last call. */
  List<String> said() {
    List<String> lines = List.copyOf(said);
    said.clear();
    return lines;
  }

  /**
   * Denoises and compares the latents of every step, and the frames, with the recorded ones.
   *
   * @param variables of LVSA; empty for dense attention
   * @return what attention ran
   */
  AttentionReport equalsRecorded(
      GoldenRun run, GenerationSettings settings, Map<String, String> variables) {
    Map<String, String> all = new HashMap<>(variables);
    all.put("LVSA_BACKEND", "tornado");
    int[] steps = {0};
    try (Denoising denoising = pipeline.prepare(settings);
        GenerationAttention attention =
            new GenerationAttention(
                new GenerationAttention.Settings(
                    TestConfig.of(all),
                    StepCounting.EXAMPLES,
                    KernelOptions.DEFAULT,
                    Optional.empty()),
                pipeline.attended(settings.size()),
                LineLog.none())) {
      float[] latents =
          denoising.run(
              attention,
              Optional.empty(),
              (step, sample, history) -> {
                run.checkAtLeast("step" + step + ".latents", sample, BEHIND_TIME);
                steps[0]++;
              });
      if (run.holds("frames_uint8_round")) {
        run.checkFrames("frames_uint8_round", DecodedFrames.of(pipeline, settings.size(), latents));
      }
      AttentionReport report = attention.report();
      assertTrue(steps[0] == settings.steps(), steps[0] + " steps");
      assertTrue(report.kernel().contains("java-tiled-f32+portable-f32"), report.kernel());
      return report;
    }
  }

  /**
   * What a recorded run was asked.
   *
   * @param file with the noise that it began with
   */
  static GenerationSettings settings(GoldenRun run, Path file, Inputs inputs) {
    JsonNode json = run.json().get("settings");
    JsonNode second = json.path("guidance_scale_2");
    return new GenerationSettings(
        new GenerationSettings.Prompts(
            json.get("prompt").textValue(), json.get("negative_prompt").textValue()),
        new VideoSize(
            new Resolution(number(json, "width", "w"), number(json, "height", "h")),
            number(json, "num_frames", "frames")),
        number(json, "steps", "num_inference_steps"),
        new GuidanceSettings(
            // HunyuanVideo's, whose sparse run took it from the model's folder.
            json.path("guidance_scale").asDouble(6),
            false,
            second.isNumber() ? OptionalDouble.of(second.doubleValue()) : OptionalDouble.empty(),
            OptionalDouble.empty(),
            json.path("dyn").booleanValue()),
        OptionalDouble.empty(),
        new StartingLatents.Given(file),
        inputs);
  }

  /** The published programs call it one way or the other. */
  private static int number(JsonNode json, String name, String other) {
    return json.path(name).isNumber() ? json.get(name).intValue() : json.get(other).intValue();
  }

  /** The scheduler that a recorded run had in place of the model's. */
  static Map<String, Path> scheduler(GoldenRun run, Path scratch) throws IOException {
    return run.json().at("/settings/sched").asText().equals("euler")
        ? Map.of(
            "scheduler",
            GoldenRun.file("wan/scheduler_euler/scheduler_config.json", scratch).getParent())
        : Map.of();
  }

  @Override
  public void close() {
    pipeline.close();
  }
}
