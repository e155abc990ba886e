// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * A scheduler's settings, as a published model folder has them in {@code
 * scheduler/scheduler_config.json}. A new generation starts a new {@link Scheduler} from them.
 */
public sealed interface SchedulerConfig permits FlowSchedulerConfig, CogVideoXSchedulerConfig {
  /** The classes that {@link #read} knows, by their published names, and their readers. */
  Map<String, Function<ComponentConfig, SchedulerConfig>> KNOWN =
      Map.of(
          "UniPCMultistepScheduler", UniPcConfig::read,
          "FlowMatchEulerDiscreteScheduler", FlowMatchEulerConfig::read,
          "DPMSolverMultistepScheduler", DpmSolverConfig::read,
          "CogVideoXDDIMScheduler", CogVideoXSchedulerConfig::ddim,
          "CogVideoXDPMScheduler", CogVideoXSchedulerConfig::dpm);

  /**
   * Reads a scheduler's settings.
   *
   * @param file {@code scheduler_config.json}
   * @throws MalformedFileException if the file is missing or malformed, its class is not known, or
   *     a setting is not supported; the message says what is
   */
  static SchedulerConfig read(Path file) {
    ComponentConfig config = ComponentConfig.readFile(file);
    String name = config.text("_class_name");
    Function<ComponentConfig, SchedulerConfig> reader = KNOWN.get(name);
    if (reader == null) {
      throw new MalformedFileException(
          file + ": " + Messages.unknown("scheduler class", name, new TreeMap<>(KNOWN).keySet()));
    }
    SchedulerConfig settings = reader.apply(config);
    config.finish();
    return settings;
  }

  /**
   * The same settings with the noise levels shifted otherwise towards noise.
   *
   * @param shift above 0; 1 shifts nothing
   * @throws IllegalArgumentException if it is not above 0, or the scheduler is none for flow models
   */
  SchedulerConfig withShift(double shift);

  /**
   * A scheduler for one generation.
   *
   * @param steps at least 1
   * @param noise is asked by schedulers that add noise on the way
   */
  Scheduler start(int steps, StepNoise noise);

  /** As {@link #start(int, StepNoise)}, for schedulers that add no noise. */
  default Scheduler start(int steps) {
    return start(steps, StepNoise.NONE);
  }
}
