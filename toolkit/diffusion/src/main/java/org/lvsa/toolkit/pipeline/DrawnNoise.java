// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.schedulers.StepNoise;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.vae.LatentSize;

/** The noise that a scheduler adds on the way: from a file where one is given, else of the seed. */
public final class DrawnNoise {
  private DrawnNoise() {}

  /** The noise that the settings ask for. */
  public static StepNoise of(GenerationSettings settings, LatentSize size) {
    return settings
        .inputs()
        .noise()
        .map(file -> given(file, size))
        .orElseGet(() -> StepNoise.of(settings.start().seed()));
  }

  private static StepNoise given(Path file, LatentSize size) {
    return (number, count) -> {
      try (Arena arena = Arena.ofConfined()) {
        return LatentTensors.read(Safetensors.open(file, arena), StepNoise.name(number), size);
      }
    };
  }

  /**
   * Checks that a file has all that will be drawn, before anything is computed.
   *
   * @param pieces how many the scheduler draws
   * @throws MalformedFileException naming what is missing or of another shape
   */
  public static void check(GenerationSettings settings, LatentSize size, int pieces) {
    if (settings.inputs().noise().isEmpty()) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      Safetensors tensors = Safetensors.open(settings.inputs().noise().get(), arena);
      for (int number = 0; number < pieces; number++) {
        if (!tensors.has(StepNoise.name(number))) {
          throw new MalformedFileException(
              tensors.path()
                  + ": tensor "
                  + StepNoise.name(number)
                  + " is missing, the scheduler draws noise "
                  + pieces
                  + " times in "
                  + settings.steps()
                  + " steps");
        }
        LatentTensors.read(tensors, StepNoise.name(number), size);
      }
    }
  }
}
