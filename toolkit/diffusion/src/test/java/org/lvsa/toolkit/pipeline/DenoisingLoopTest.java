// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.InProcess;
import org.lvsa.toolkit.pipeline.DenoisingLoop.Branch;
import org.lvsa.toolkit.schedulers.Noise;
import org.lvsa.toolkit.schedulers.Scheduler;
import org.lvsa.toolkit.schedulers.SchedulerConfig;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.vae.LatentSize;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** The loop on a model that is a formula: the velocity is a multiple of the sample. */
class DenoisingLoopTest {
  private static final LatentSize SHAPE = new LatentSize(2, 3, 2, 4);

  private static SchedulerConfig unipc(Path directory) throws IOException {
    Path file = directory.resolve("scheduler_config.json");
    Files.writeString(
        file,
        "{\"_class_name\": \"UniPCMultistepScheduler\", \"use_flow_sigmas\": true,"
            + " \"prediction_type\": \"flow_prediction\", \"flow_shift\": 3.0}");
    return SchedulerConfig.read(file);
  }

  /** The prompt's velocity is half of the sample, the negative prompt's a quarter. */
  private static DenoisingLoop.Model model(List<String> calls) {
    return (step, branches, latents, timestep) -> {
      calls.add(step + " " + branches + " " + (int) timestep);
      INDArray out = latents.dup('c');
      for (int element = 0; element < branches.size(); element++) {
        out.get(
                NDArrayIndex.point(element),
                NDArrayIndex.all(),
                NDArrayIndex.all(),
                NDArrayIndex.all(),
                NDArrayIndex.all())
            .muli(branches.get(element) == Branch.COND ? 0.5 : 0.25);
      }
      return out;
    };
  }

  private static float[] run(Scheduler scheduler, GuidanceSettings guidance, List<String> calls) {
    return new DenoisingLoop(model(calls), scheduler, SHAPE, guidance, Communicator.alone())
        .run(Noise.normal(5, SHAPE.elements()), (step, latents) -> {});
  }

  @Test
  void theModelRunsOncePerStepAndBranch(@TempDir Path directory) throws IOException {
    SchedulerConfig config = unipc(directory);
    List<String> calls = new ArrayList<>();
    run(config.start(2), new GuidanceSettings(5, false), calls);
    assertEquals(
        List.of("0 [COND] 999", "0 [UNCOND] 999", "1 [COND] 750", "1 [UNCOND] 750"), calls);
    calls.clear();
    run(config.start(2), new GuidanceSettings(5, true), calls);
    assertEquals(List.of("0 [COND, UNCOND] 999", "1 [COND, UNCOND] 750"), calls);
    calls.clear();
    run(config.start(2), new GuidanceSettings(1, false), calls);
    assertEquals(List.of("0 [COND] 999", "1 [COND] 750"), calls);
  }

  /** Of five steps the second, third and fourth: 0.2 · 5 and 0.85 · 5 rounded down. */
  @Test
  void aGuiderBeginsAndStopsOnTheWay(@TempDir Path directory) throws IOException {
    SchedulerConfig config = unipc(directory);
    GuidanceSettings guidance =
        new GuidanceSettings(5, true).withGuider(new Guider(0, 0.2, 0.85, false));
    List<String> calls = new ArrayList<>();
    run(config.start(5), guidance, calls);
    assertEquals(
        List.of("[COND]", "[COND, UNCOND]", "[COND, UNCOND]", "[COND, UNCOND]", "[COND]"),
        calls.stream().map(call -> call.replaceAll("^\\d+ | \\d+$", "")).toList());
    assertEquals(5, guidance.passes(5, 5));
    assertEquals(1 + 2 + 2, guidance.inRuns(2).passes(3, 5));
  }

  @Test
  void guidanceGoesFromTheNegativePromptPastThePrompt(@TempDir Path directory) throws IOException {
    // 0.25 + 3 · (0.5 − 0.25) = 1: the velocity is the sample itself.
    SchedulerConfig config = unipc(directory);
    float[] guided = run(config.start(3), new GuidanceSettings(3, false), new ArrayList<>());
    float[] batched = run(config.start(3), new GuidanceSettings(3, true), new ArrayList<>());
    float[] expected = Noise.normal(5, SHAPE.elements());
    Scheduler scheduler = config.start(3);
    for (int step = 0; step < 3; step++) {
      expected = scheduler.step(expected, expected);
    }
    assertArrayEquals(expected, guided);
    assertArrayEquals(guided, batched);
  }

  @Test
  void aRunGoesOnFromItsResumeFileToTheIdenticalResult(@TempDir Path directory) throws IOException {
    SchedulerConfig config = unipc(directory);
    GuidanceSettings guidance = new GuidanceSettings(4, false);
    Map<String, String> settings = new LinkedHashMap<>(Map.of("steps", "5", "prompt", "a cat"));
    Path file = directory.resolve("run.resume.safetensors");
    Scheduler first = config.start(5);
    float[] whole =
        new DenoisingLoop(model(new ArrayList<>()), first, SHAPE, guidance, Communicator.alone())
            .run(
                Noise.normal(5, SHAPE.elements()),
                (step, latents) -> {
                  if (step == 2) {
                    write(
                        file,
                        settings,
                        new ResumeFile.State(
                            latents, first.history(), Map.of("step1.latents", latents)));
                  }
                });
    ResumeFile.State state = ResumeFile.read(file, settings, SHAPE);
    assertEquals(3, state.history().done());
    assertArrayEquals(state.latents(), state.kept().get("step1.latents"));
    Scheduler second = config.start(5);
    second.resume(state.history());
    List<String> calls = new ArrayList<>();
    float[] resumed =
        new DenoisingLoop(model(calls), second, SHAPE, guidance, Communicator.alone())
            .run(state.latents(), (step, latents) -> {});
    assertArrayEquals(whole, resumed);
    assertEquals(4, calls.size());
    settings.put("prompt", "a dog");
    String message =
        assertThrows(IllegalArgumentException.class, () -> ResumeFile.read(file, settings, SHAPE))
            .getMessage();
    assertTrue(
        message.endsWith("is of a run with other settings: prompt was a cat, now it is a dog"),
        message);
    Path none = directory.resolve("none.safetensors");
    assertThrows(IllegalArgumentException.class, () -> ResumeFile.read(none, settings, SHAPE));
  }

  private static void write(Path file, Map<String, String> settings, ResumeFile.State state) {
    try {
      ResumeFile.write(file, settings, SHAPE, state);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aModelThatGivesNoNumbersIsAnError(@TempDir Path directory) throws IOException {
    Scheduler scheduler = unipc(directory).start(2);
    DenoisingLoop loop =
        new DenoisingLoop(
            (step, branches, latents, timestep) -> {
              INDArray out = latents.dup('c');
              NdMemory.view(out).setAtIndex(ValueLayout.JAVA_FLOAT, 7, Float.NaN);
              return out;
            },
            scheduler,
            SHAPE,
            new GuidanceSettings(1, false),
            Communicator.alone());
    assertTrue(
        assertThrows(
                IllegalStateException.class,
                () -> loop.run(new float[SHAPE.elements()], (step, latents) -> {}))
            .getMessage()
            .startsWith("the model gave NaN at step 0"));
  }

  @Test
  void twoRanksOfGuidanceRunABranchEachAndGiveWhatOneGives(@TempDir Path directory)
      throws Exception {
    SchedulerConfig config = unipc(directory);
    for (boolean normalised : new boolean[] {false, true}) {
      GuidanceSettings guidance =
          new GuidanceSettings(
              3,
              false,
              OptionalDouble.empty(),
              OptionalDouble.empty(),
              false,
              normalised,
              Optional.empty());
      float[] one = run(config.start(3), guidance, new ArrayList<>());
      InProcess.run(
          2,
          rank -> {
            List<String> calls = new ArrayList<>();
            float[] mine =
                new DenoisingLoop(model(calls), config.start(3), SHAPE, guidance, rank)
                    .run(Noise.normal(5, SHAPE.elements()), (step, latents) -> {});
            assertArrayEquals(one, mine);
            String branch = rank.rank() == 0 ? " [COND] " : " [UNCOND] ";
            assertEquals(3, calls.stream().filter(call -> call.contains(branch)).count());
            assertEquals(3, calls.size());
            assertEquals(3L * SHAPE.elements() * Float.BYTES, rank.bytesSent());
            return mine;
          });
    }
  }

  @Test
  void normalisedGuidanceHasTheLengthOfThePromptsPrediction() {
    try (INDArray guided = Nd4j.createFromArray(new float[][] {{6, 8}, {0, 0}, {1, 0}});
        INDArray cond = Nd4j.createFromArray(new float[][] {{3, 4}, {5, 6}, {0, 0}})) {
      Guidance.normalise(guided, cond);
      assertArrayEquals(new float[] {3, 4, 0, 0, 0, 0}, NdMemory.floats(guided));
    }
  }
}
