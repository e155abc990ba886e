// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.GoldenRun;

/** Every recorded step of the schedulers. */
class SchedulerGoldenTest {
  @TempDir private Path directory;

  /** All UniPC and Euler cases: levels, samples, and for UniPC what a step remembers. */
  @Test
  void everyRecordedCase() throws IOException {
    GoldenRun golden = GoldenRun.open("schedulers/schedulers");
    JsonNode settings = golden.json().get("settings");
    int multistep = 0;
    int euler = 0;
    int cogVideoX = 0;
    for (int i = 0; i < settings.get("cases").size(); i++) {
      JsonNode entry = settings.get("cases").get(i);
      String kind = entry.get("kind").textValue();
      String prefix = String.format(Locale.ROOT, "case%03d.", i);
      if (kind.equals("unipc")) {
        check(golden, prefix, config("UniPCMultistepScheduler", settings.get("unipc_base"), entry));
        multistep++;
      } else if (kind.startsWith("euler")) {
        check(golden, prefix, config("FlowMatchEulerDiscreteScheduler", null, entry), kind);
        euler++;
      } else {
        String className =
            kind.equals("cog_ddim") ? "CogVideoXDDIMScheduler" : "CogVideoXDPMScheduler";
        checkCogVideoX(golden, prefix, config(className, settings.get("cog_base"), entry));
        cogVideoX++;
      }
    }
    assertEquals(28, multistep);
    assertEquals(30, euler);
    assertEquals(16, cogVideoX);
  }

  private SchedulerConfig config(String className, JsonNode base, JsonNode entry)
      throws IOException {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put("_class_name", className);
    if (base != null) {
      json.setAll((ObjectNode) base);
    }
    json.setAll((ObjectNode) entry.get("cfg"));
    Path file = directory.resolve("scheduler_config.json");
    Files.writeString(file, json.toString());
    return SchedulerConfig.read(file);
  }

  private static void check(GoldenRun golden, String prefix, SchedulerConfig config) {
    check(golden, prefix, config, "unipc");
  }

  private static void check(GoldenRun golden, String prefix, SchedulerConfig config, String kind) {
    float[] outputs = golden.floats(prefix + "model_outputs");
    float[] samples = golden.floats(prefix + "samples");
    int steps = golden.shape(prefix + "model_outputs")[0];
    int size = outputs.length / steps;
    Scheduler scheduler =
        kind.equals("euler_sigmas_1_to_0")
            ? ((FlowMatchEulerConfig) config).start(oneToZero(steps))
            : config.start(steps);
    assertArrayEquals(golden.floats(prefix + "timesteps"), scheduler.schedule().timesteps());
    golden.check(prefix + "sigmas", ((FlowSchedule) scheduler.schedule()).sigmas());

    float[] sample = Arrays.copyOf(samples, size);
    float[] all = Arrays.copyOf(sample, samples.length);
    float[] predicted = new float[outputs.length];
    float[] corrected = new float[outputs.length];
    for (int step = 0; step < steps; step++) {
      float[] output = Arrays.copyOfRange(outputs, step * size, (step + 1) * size);
      sample = scheduler.step(output, sample);
      System.arraycopy(sample, 0, all, (step + 1) * size, size);
      if (kind.equals("unipc")) {
        History history = scheduler.history();
        System.arraycopy(history.tensors().get("x0.0"), 0, predicted, step * size, size);
        System.arraycopy(history.tensors().get("corrected"), 0, corrected, step * size, size);
      }
    }
    golden.check(prefix + "samples", all);
    if (kind.equals("unipc")) {
      golden.check(prefix + "x0", predicted);
      golden.check(prefix + "sample_after_corrector", corrected);
    }
  }

  /** Noise levels before the shift, as HunyuanVideo 1.5 has them. */
  static float[] oneToZero(int steps) {
    float[] sigmas = new float[steps];
    for (int i = 0; i < steps; i++) {
      sigmas[i] = (float) (1 - i * (1.0 / steps));
    }
    return sigmas;
  }

  private static void checkCogVideoX(GoldenRun golden, String prefix, SchedulerConfig config) {
    float[] outputs = golden.floats(prefix + "model_outputs");
    float[] samples = golden.floats(prefix + "samples");
    int steps = golden.shape(prefix + "model_outputs")[0];
    int size = outputs.length / steps;
    Recorded noise = new Recorded(golden, prefix + "noises_in_drawing_order", size);
    Scheduler scheduler = config.start(steps, noise);
    AlphaSchedule schedule = (AlphaSchedule) scheduler.schedule();
    assertArrayEquals(golden.floatsOrInts(prefix + "timesteps"), schedule.timesteps());
    assertArrayEquals(
        golden.doubles("f64." + prefix + "alphas_cumprod_at_timesteps"), schedule.alphas(), 1e-14);
    float[] sample = Arrays.copyOf(samples, size);
    float[] all = Arrays.copyOf(sample, samples.length);
    for (int step = 0; step < steps; step++) {
      sample = scheduler.step(Arrays.copyOfRange(outputs, step * size, (step + 1) * size), sample);
      System.arraycopy(sample, 0, all, (step + 1) * size, size);
    }
    golden.check(prefix + "samples", all);
    assertEquals(noise.pieces(), noise.last + 1, "the last piece of noise is used");
  }

  /** Recorded noise of one scheduler's run. */
  private static final class Recorded implements StepNoise {
    private final float[] noise;
    private final int size;
    private int last = -1;

    Recorded(GoldenRun golden, String tensor, int size) {
      noise = golden.holds(tensor) ? golden.floats(tensor) : new float[0];
      this.size = size;
    }

    int pieces() {
      return noise.length / size;
    }

    @Override
    public float[] draw(int number, int count) {
      assertEquals(size, count);
      assertTrue(number > last, "pieces come in order");
      last = number;
      return Arrays.copyOfRange(noise, number * size, (number + 1) * size);
    }
  }

  /** The whole runs of the tiny CogVideoX models: their latents after every step. */
  @Test
  void latentsOfTheCogVideoXRuns() throws IOException {
    for (String name : new String[] {"ddim_cog5b", "ddim_cog2b", "dpm_cog5b", "dpm_cog15"}) {
      GoldenRun golden = GoldenRun.open("cogvideox/" + name);
      String config =
          name.startsWith("ddim")
              ? "cogvideox/scheduler_ddim/scheduler_config.json"
              : "cogvideox/model/scheduler/scheduler_config.json";
      JsonNode scales = golden.json().at("/settings/guidance_scale_used_per_step");
      Scheduler scheduler =
          SchedulerConfig.read(GoldenRun.file(config, directory))
              .start(scales.size(), (number, count) -> golden.floats(StepNoise.name(number)));
      assertArrayEquals(
          golden.floatsOrInts("scheduler.timesteps"), scheduler.schedule().timesteps());
      assertArrayEquals(
          golden.doubles("f64.scheduler.alphas_cumprod_at_timesteps"),
          ((AlphaSchedule) scheduler.schedule()).alphas(),
          1e-14);
      float[] sample = golden.floats("latents_init");
      for (int step = 0; step < scales.size(); step++) {
        float[] both = golden.floats("step" + step + ".pred_uncond_cond");
        float scale = (float) scales.get(step).doubleValue();
        float[] guided = new float[sample.length];
        for (int e = 0; e < guided.length; e++) {
          guided[e] = both[e] + scale * (both[guided.length + e] - both[e]);
        }
        sample = scheduler.step(guided, sample);
        golden.check("step" + step + ".latents", sample);
      }
    }
  }
}
