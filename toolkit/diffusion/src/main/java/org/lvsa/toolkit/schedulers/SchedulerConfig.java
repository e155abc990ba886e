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
public sealed interface SchedulerConfig permits UniPcConfig, FlowMatchEulerConfig, DpmSolverConfig {
  /** The classes that {@link #read} knows, by their published names, and their readers. */
  Map<String, Function<ComponentConfig, SchedulerConfig>> KNOWN =
      Map.of(
          "UniPCMultistepScheduler", UniPcConfig::read,
          "FlowMatchEulerDiscreteScheduler", FlowMatchEulerConfig::read,
          "DPMSolverMultistepScheduler", DpmSolverConfig::read);

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

  /** How far the noise levels are shifted towards noise; 1 is not at all. */
  double shift();

  /** The same settings with another shift, which must be above 0. */
  SchedulerConfig withShift(double shift);

  /** A scheduler for one generation of that many steps, at least 1. */
  Scheduler start(int steps);

  /** Refuses a shift that is not a number above 0. */
  static void checkShift(double shift) {
    if (!(shift > 0) || Double.isInfinite(shift)) {
      throw new IllegalArgumentException("flow shift must be a number above 0, got " + shift);
    }
  }
}
