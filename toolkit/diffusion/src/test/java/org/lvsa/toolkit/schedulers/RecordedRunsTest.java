// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalDouble;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.pipeline.Guidance;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Guidance and scheduler of the recorded runs of the tiny models, step by step, each from what was
 * recorded before it.
 */
class RecordedRunsTest {
  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({
    "wan/unipc, wan/model/scheduler, 5",
    "wan/euler, wan/scheduler_euler, 5",
    "wan_i2v/i2v, wan_i2v/model/scheduler, 5",
    "wan_i2v/flf, wan_i2v/model/scheduler, 5",
    "wan22/a14b/t2v, wan22/a14b/model/scheduler, 4",
    "wan22/ti2v5b/t2v, wan22/ti2v5b/model/scheduler, 5",
    "wan22/ti2v5b/i2v, wan22/ti2v5b/model/scheduler, 5",
    "wan_lvsa/rot, wan/model/scheduler, 5",
    "wan_lvsa/window0, wan/model/scheduler, 5",
    "wan_lvsa/static_kfi, wan/scheduler_euler, 5",
    "wan_lvsa/autoscaled, wan/model/scheduler, 5",
    "hunyuan15/t2v, hunyuan15/model/scheduler, 6",
    "hunyuan15_i2v/i2v, hunyuan15/model/scheduler, 6"
  })
  void everyStepEqualsTheRecordedOne(String name, String folder, double scale) throws IOException {
    GoldenRun run = GoldenRun.open(name);
    run.assumeHas("step0.guided");
    GuidanceSettings guidance = guidance(run.json().get("settings"), scale);
    int steps = steps(run);
    SchedulerConfig config =
        SchedulerConfig.read(GoldenRun.file(folder + "/scheduler_config.json", directory));
    Scheduler scheduler =
        name.startsWith("hunyuan")
            ? ((FlowMatchEulerConfig) config).start(SchedulerGoldenTest.oneToZero(steps))
            : config.start(steps);
    if (run.holds("scheduler.sigmas")) {
      assertArrayEquals(run.floats("scheduler.timesteps"), scheduler.schedule().timesteps());
      assertArrayEquals(
          run.floats("scheduler.sigmas"), ((FlowSchedule) scheduler.schedule()).sigmas());
    }
    float[] sample = run.floats("latents_init");
    for (int step = 0; step < steps; step++) {
      String at = "step" + step + ".";
      checkGuided(run, at, guidance.at(scheduler.schedule().timesteps()[step], steps));
      sample = scheduler.step(run.floats(at + "guided"), sample);
      run.check(at + "latents", sample);
      if (run.holds(at + "unipc.x0")) {
        run.check(at + "unipc.x0", scheduler.history().tensors().get("x0.0"));
        run.check(at + "unipc.after_corrector", scheduler.history().tensors().get("corrected"));
      }
    }
    assertEquals(steps, scheduler.done());
  }

  private static int steps(GoldenRun run) {
    int steps = 0;
    while (run.holds("step" + steps + ".latents")) {
      steps++;
    }
    return steps;
  }

  /** With a scale of its own for little noise, where the run has one. */
  private static GuidanceSettings guidance(JsonNode settings, double scale) {
    assertEquals(scale, settings.get("guidance_scale").doubleValue());
    JsonNode second = settings.path("guidance_scale_2");
    return second.isNumber()
        ? new GuidanceSettings(
            scale,
            false,
            OptionalDouble.of(second.doubleValue()),
            OptionalDouble.of(settings.get("boundary_ratio").doubleValue()),
            false)
        : new GuidanceSettings(scale, false);
  }

  /** The float32 formula itself, so that nearly the same bits come out. */
  private static void checkGuided(GoldenRun run, String at, double scale) {
    try (INDArray cond = tensor(run, at + "cond.pred");
        INDArray uncond = tensor(run, at + "uncond.pred");
        INDArray guided = Guidance.combine(cond, uncond, scale)) {
      run.check(at + "guided", NdMemory.floats(guided));
    }
  }

  private static INDArray tensor(GoldenRun run, String name) {
    long[] shape = Arrays.stream(run.shape(name)).asLongStream().toArray();
    return NdMemory.copy(MemorySegment.ofArray(run.floats(name)), shape);
  }
}
