// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.io.MalformedFileException;

/** Schedulers on problems with a known solution, their histories and their settings. */
class SchedulerTest {
  private static final String UNIPC =
      "\"_class_name\": \"UniPCMultistepScheduler\", \"use_flow_sigmas\": true,"
          + " \"prediction_type\": \"flow_prediction\", \"flow_shift\": 3.0";
  private static final String DPM =
      "\"_class_name\": \"DPMSolverMultistepScheduler\", \"use_flow_sigmas\": true,"
          + " \"prediction_type\": \"flow_prediction\", \"flow_shift\": 3.0";
  private static final String EULER =
      "\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"shift\": 3.0";

  private static final String COGVIDEOX =
      "\"prediction_type\": \"v_prediction\", \"timestep_spacing\": \"trailing\","
          + " \"clip_sample\": false, \"rescale_betas_zero_snr\": true,"
          + " \"snr_shift_scale\": 3.0";
  private static final String COGVIDEOX_DDIM =
      "\"_class_name\": \"CogVideoXDDIMScheduler\", " + COGVIDEOX;
  private static final String COGVIDEOX_DPM =
      "\"_class_name\": \"CogVideoXDPMScheduler\", " + COGVIDEOX;

  @TempDir private Path directory;

  private SchedulerConfig read(String members) throws IOException {
    Path file = directory.resolve("scheduler_config.json");
    Files.writeString(file, "{" + members + "}");
    return SchedulerConfig.read(file);
  }

  /**
   * The flow of normally distributed data has a known solution: with mean m and deviation s of the
   * data, a sample keeps its distance from the mean in units of the deviation at its sigma.
   */
  private record NormalData(double mean, double deviation) {
    double variance(double sigma) {
      return Math.pow((1 - sigma) * deviation, 2) + sigma * sigma;
    }

    /** Expected noise less expected clean sample, given a noisy one. */
    double velocity(double x, double sigma) {
      double signal = (1 - sigma) * deviation * deviation;
      return -mean + (sigma - signal) / variance(sigma) * (x - (1 - sigma) * mean);
    }

    double end(double x, double sigma) {
      return mean + deviation * (x - (1 - sigma) * mean) / Math.sqrt(variance(sigma));
    }
  }

  private static double error(SchedulerConfig config, int steps) {
    NormalData data = new NormalData(0.7, 0.5);
    Scheduler scheduler = config.start(steps);
    float[] sigmas = ((FlowSchedule) scheduler.schedule()).sigmas();
    float[] start = {-1.5f, -0.3f, 0.4f, 1.8f};
    float[] sample = start;
    for (int step = 0; step < steps; step++) {
      float[] velocity = new float[start.length];
      for (int e = 0; e < start.length; e++) {
        velocity[e] = (float) data.velocity(sample[e], sigmas[step]);
      }
      sample = scheduler.step(velocity, sample);
    }
    double largest = 0;
    for (int e = 0; e < start.length; e++) {
      largest = Math.max(largest, Math.abs(sample[e] - data.end(start[e], sigmas[0])));
    }
    return largest;
  }

  /** Twice the steps: a quarter of the error or less with the solvers of second order. */
  @ParameterizedTest
  @CsvSource({"dpm, 3.2, 2e-4", "unipc, 3.2, 2e-4", "euler, 1.9, 1e-2"})
  void convergesToTheSolution(String name, double factor, double atFinest) throws IOException {
    String members =
        switch (name) {
          case "dpm" -> DPM;
          case "unipc" -> UNIPC;
          default -> EULER;
        };
    // Without a shift: with one, the last steps stay long until there are hundreds.
    SchedulerConfig config = read(members).withShift(1);
    double coarse = error(config, 80);
    double middle = error(config, 160);
    double fine = error(config, 320);
    assertTrue(fine < atFinest, name + " after 320 steps is off by " + fine);
    assertTrue(coarse / middle > factor, name + ": " + coarse + " then " + middle);
    assertTrue(middle / fine > factor, name + ": " + middle + " then " + fine);
  }

  /** The published library writes this bound, which no flow scheduler reads, as Python does. */
  @Test
  void anInfiniteBoundIsRead() throws IOException {
    assertEquals(read(DPM), read(DPM + ", \"lambda_min_clipped\": -Infinity"));
    String said =
        assertThrows(MalformedFileException.class, () -> read(DPM + ", \"sigma_min\": NaN"))
            .getMessage();
    assertTrue(said.contains("sigma_min"), said);
  }

  /** The published scheduler's levels, one training step below those of UniPC. */
  @Test
  void dpmStepsThroughTheLevelsThatThePublishedOneHas() throws IOException {
    FlowSchedule schedule = (FlowSchedule) read(DPM).withShift(5).start(4).schedule();
    assertArrayEquals(new float[] {999, 937, 833, 624}, schedule.timesteps());
    assertArrayEquals(
        new float[] {0.99979985f, 0.93726546f, 0.8330554f, 0.6246873f, 0},
        schedule.sigmas(),
        1e-7f);
  }

  /** DPM++ of first order is Euler's method in another variable: it converges as slowly. */
  @Test
  void firstOrderIsWorse() throws IOException {
    double first = error(read(DPM + ", \"solver_order\": 1"), 40);
    double second = error(read(DPM), 40);
    assertTrue(first > 5 * second, first + " against " + second);
  }

  /** A scheduler that takes over a history makes the very steps that the first would have made. */
  @ParameterizedTest
  @ValueSource(strings = {"unipc", "unipc3", "dpm", "euler"})
  void resumesExactly(String name) throws IOException {
    SchedulerConfig config =
        read(
            switch (name) {
              case "unipc" -> UNIPC;
              case "unipc3" -> UNIPC + ", \"solver_order\": 3";
              case "dpm" -> DPM;
              default -> EULER;
            });
    long seed = System.nanoTime();
    int steps = 7;
    float[][] outputs = new float[steps][];
    for (int step = 0; step < steps; step++) {
      outputs[step] = Noise.normal(seed + step, 11);
    }
    for (int interrupted = 0; interrupted <= steps; interrupted++) {
      Scheduler whole = config.start(steps);
      Scheduler first = config.start(steps);
      float[] expected = Noise.normal(seed - 1, 11);
      float[] sample = expected.clone();
      for (int step = 0; step < interrupted; step++) {
        expected = whole.step(outputs[step], expected);
        sample = first.step(outputs[step], sample);
      }
      Scheduler second = config.start(steps);
      second.resume(first.history());
      for (int step = interrupted; step < steps; step++) {
        expected = whole.step(outputs[step], expected);
        sample = second.step(outputs[step], sample);
      }
      assertArrayEquals(expected, sample, "seed " + seed + " interrupted at " + interrupted);
      assertEquals(steps, second.done());
    }
  }

  /** Long arrays are computed by several processors: every element is as if it were alone. */
  @ParameterizedTest
  @ValueSource(strings = {UNIPC, DPM, EULER})
  void anElementDoesNotDependOnHowManyOthersThereAre(String members) throws IOException {
    int length = 3 * 65_536 + 17;
    int[] chosen = {0, 65_535, 65_536, 131_072, length - 1};
    SplittableRandom random = new SplittableRandom(length);
    SchedulerConfig config = read(members);
    Scheduler whole = config.start(5);
    Scheduler few = config.start(5);
    float[] sample = numbers(random, length);
    float[] fewSample = chosen(sample, chosen);
    for (int step = 0; step < 5; step++) {
      float[] velocity = numbers(random, length);
      sample = whole.step(velocity, sample);
      fewSample = few.step(chosen(velocity, chosen), fewSample);
      assertArrayEquals(fewSample, chosen(sample, chosen), "step " + step);
    }
  }

  private static float[] numbers(SplittableRandom random, int length) {
    float[] numbers = new float[length];
    for (int i = 0; i < length; i++) {
      numbers[i] = (float) (2 * random.nextDouble() - 1);
    }
    return numbers;
  }

  private static float[] chosen(float[] from, int[] places) {
    float[] some = new float[places.length];
    for (int i = 0; i < places.length; i++) {
      some[i] = from[places[i]];
    }
    return some;
  }

  @Test
  void historiesOfOthersAreRefused() throws IOException {
    Scheduler scheduler = read(UNIPC).start(4);
    assertThrows(IllegalArgumentException.class, () -> scheduler.resume(new History(5, Map.of())));
    assertThrows(IllegalArgumentException.class, () -> scheduler.resume(new History(1, Map.of())));
    scheduler.step(new float[3], new float[3]);
    Map<String, float[]> ragged = new HashMap<>(scheduler.history().tensors());
    ragged.put("x0.0", new float[2]);
    assertThrows(IllegalArgumentException.class, () -> scheduler.resume(new History(1, ragged)));
  }

  @Test
  void stepsAreChecked() throws IOException {
    for (String members : List.of(UNIPC, DPM, EULER)) {
      SchedulerConfig config = read(members);
      assertThrows(IllegalArgumentException.class, () -> config.start(0));
      Scheduler scheduler = config.start(1);
      assertThrows(
          IllegalArgumentException.class, () -> scheduler.step(new float[2], new float[3]));
      scheduler.step(new float[2], new float[2]);
      assertThrows(IllegalStateException.class, () -> scheduler.step(new float[2], new float[2]));
      assertThrows(IllegalArgumentException.class, () -> config.withShift(0));
      assertThrows(IllegalArgumentException.class, () -> config.withShift(Double.NaN));
      assertEquals(5, ((FlowSchedulerConfig) config.withShift(5)).shift());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "UNIPC|\"use_karras_sigmas\": true|use_karras_sigmas true is not supported, supported: false",
        "UNIPC|\"solver_order\": 4|solver_order must be 1, 2 or 3, got 4",
        "UNIPC|\"solver_type\": \"logrho\"|solver_type \"logrho\" is not supported, supported: bh1, bh2",
        "UNIPC|\"sigma_min\": 0.1|sigma_min 0.1 is not supported, supported: null",
        "UNIPC|\"flow_shift\": 0|flow_shift must be a number above 0, got 0",
        "UNIPC|\"disable_corrector\": [0.5]|disable_corrector must be a list of whole numbers from 0, got [0.5]",
        "UNIPC|\"use_flow_sigmas\": false|use_flow_sigmas false is not supported, supported: true",
        "UNIPC|\"prediction_type\": null|prediction_type must be flow_prediction, got null",
        "UNIPC|\"brand_new\": 7|brand_new = 7 is not known, known: ",
        "EULER|\"use_dynamic_shifting\": true|use_dynamic_shifting true is not supported, supported: false",
        "EULER|\"shift_terminal\": 0.1|shift_terminal 0.1 is not supported, supported: null",
        "DPM|\"algorithm_type\": \"sde-dpmsolver++\"|is not supported, supported: dpmsolver++",
        "DPM|\"final_sigmas_type\": \"sigma_min\"|final_sigmas_type \"sigma_min\" is not supported, supported: zero",
        "DPM|\"solver_order\": 3|solver_order must be 1 or 2, got 3",
        "COG|\"prediction_type\": \"epsilon\"|prediction_type \"epsilon\" is not supported, supported: v_prediction",
        "COG|\"timestep_spacing\": null|timestep_spacing must be trailing, got null",
        "COG|\"snr_shift_scale\": 0|snr_shift_scale must be a number above 0, got 0",
      })
  void otherSettingsAreNamed(String base, String setting, String message) throws IOException {
    String members =
        switch (base) {
          case "UNIPC" -> UNIPC;
          case "DPM" -> DPM;
          case "COG" -> COGVIDEOX_DPM;
          default -> EULER;
        };
    String key = setting.substring(0, setting.indexOf(':'));
    String without = members.replaceAll(", " + Pattern.quote(key) + ": [^,]*", "");
    MalformedFileException refused =
        assertThrows(MalformedFileException.class, () -> read(without + ", " + setting));
    assertTrue(refused.getMessage().contains(message), refused.getMessage());
    assertTrue(refused.getMessage().contains("scheduler_config.json"), refused.getMessage());
  }

  @Test
  void otherClassesAreNamedWithThoseThereAre() {
    MalformedFileException refused =
        assertThrows(MalformedFileException.class, () -> read("\"_class_name\": \"LCMScheduler\""));
    for (String name :
        List.of(
            "LCMScheduler",
            "CogVideoXDDIMScheduler",
            "DPMSolverMultistepScheduler",
            "FlowMatchEulerDiscreteScheduler",
            "UniPCMultistepScheduler")) {
      assertTrue(refused.getMessage().contains(name), refused.getMessage());
    }
    assertThrows(MalformedFileException.class, () -> read("\"shift\": 3"));
    assertThrows(MalformedFileException.class, () -> read(EULER + ", \"shift\": 4"));
    assertThrows(
        MalformedFileException.class, () -> SchedulerConfig.read(directory.resolve("absent.json")));
  }

  /**
   * Where the whole part of the timesteps' distance is shorter than the distance, the last step
   * ends at the first timestep of training and not at the clean sample: it is of second order and
   * draws twice.
   */
  @Test
  void cogVideoXMayEndBeforeTheCleanSample() throws IOException {
    List<Integer> drawn = new ArrayList<>();
    Scheduler scheduler =
        read(COGVIDEOX_DPM)
            .start(
                6,
                (number, count) -> {
                  drawn.add(number);
                  return new float[count];
                });
    AlphaSchedule schedule = (AlphaSchedule) scheduler.schedule();
    assertArrayEquals(new float[] {999, 832, 666, 499, 332, 166}, schedule.timesteps());
    for (int step = 0; step < 6; step++) {
      assertEquals(false, schedule.reachesClean()[step]);
      scheduler.step(new float[1], new float[] {1});
    }
    assertEquals(List.of(0, 2, 4, 6, 8, 10), drawn);
    assertTrue(schedule.nextAlphas()[5] < 1);
  }

  @Test
  void cogVideoXGoesOnFromItsHistory() throws IOException {
    for (String members : List.of(COGVIDEOX_DDIM, COGVIDEOX_DPM)) {
      SchedulerConfig config = read(members);
      Scheduler whole = config.start(5, StepNoise.of(7));
      float[] sample = Noise.normal(3, 4);
      for (int step = 0; step < 5; step++) {
        Scheduler goesOn = config.start(5, StepNoise.of(7));
        goesOn.resume(whole.history());
        float[] output = Noise.normal(100 + step, 4);
        float[] next = whole.step(output, sample);
        assertArrayEquals(next, goesOn.step(output, sample), members + " step " + step);
        sample = next;
      }
      assertThrows(IllegalArgumentException.class, () -> config.start(1001));
      assertThrows(IllegalArgumentException.class, () -> config.withShift(3));
    }
    Scheduler noNoise = read(COGVIDEOX_DPM).start(2);
    assertThrows(IllegalStateException.class, () -> noNoise.step(new float[1], new float[1]));
  }

  @Test
  void explicitSigmasAreChecked() throws IOException {
    FlowMatchEulerConfig config = (FlowMatchEulerConfig) read(EULER);
    assertThrows(IllegalArgumentException.class, () -> config.start(new float[] {}));
    assertThrows(IllegalArgumentException.class, () -> config.start(new float[] {1, 1}));
    assertThrows(IllegalArgumentException.class, () -> config.start(new float[] {1, 0}));
    assertThrows(IllegalArgumentException.class, () -> config.start(new float[] {2, 1}));
    assertThrows(IllegalArgumentException.class, () -> config.start(new float[] {Float.NaN}));
  }

  /** A seed's numbers never change: they are what makes a published seed mean something. */
  @Test
  void noiseIsPinned() {
    assertArrayEquals(new float[] {}, Noise.normal(1, 0));
    assertArrayEquals(
        new float[] {-0.45275775f, 0.20776604f, 2.650606f, -0.49042282f, -0.9886041f},
        Noise.normal(0, 5));
    assertArrayEquals(
        new float[] {0.5430527f, 0.8600722f, 1.8082992f, 0.56285155f, 0.01837322f},
        Noise.normal(42, 5));
    assertArrayEquals(
        new float[] {-0.2597635f, -0.89740634f, 1.4889696f, 0.2702227f, 0.5723596f},
        Noise.normal(-1, 5));
  }

  @Test
  void noiseIsNormal() {
    long seed = new SplittableRandom().nextLong();
    int count = 200_000;
    float[] numbers = Noise.normal(seed, count);
    double mean = 0;
    double square = 0;
    double fourth = 0;
    double neighbours = 0;
    for (int e = 0; e < count; e++) {
      mean += numbers[e] / count;
      square += Math.pow(numbers[e], 2) / count;
      fourth += Math.pow(numbers[e], 4) / count;
      neighbours += numbers[e] * numbers[(e + 1) % count] / count;
    }
    // Five standard errors of each estimate.
    double error = 5 / Math.sqrt(count);
    assertEquals(0, mean, error, "seed " + seed);
    assertEquals(1, square, error * Math.sqrt(2), "seed " + seed);
    assertEquals(3, fourth, error * Math.sqrt(96), "seed " + seed);
    assertEquals(0, neighbours, error, "seed " + seed);
  }

  /** Fewer numbers are the first of more; other seeds give others. */
  @Test
  void noiseDependsOnPositionAlone() {
    long seed = new SplittableRandom().nextLong();
    float[] many = Noise.normal(seed, 50_001);
    assertArrayEquals(Arrays.copyOf(many, 16_385), Noise.normal(seed, 16_385), "seed " + seed);
    float[] other = Noise.normal(seed + 1, 50_001);
    int equal = 0;
    for (int e = 0; e < many.length; e++) {
      equal += many[e] == other[e] ? 1 : 0;
    }
    assertTrue(equal < 10, "seed " + seed + ": " + equal + " equal numbers");
  }
}
