// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.Optional;
import java.util.OptionalDouble;
import org.lvsa.toolkit.pipeline.GuiderWish;
import picocli.CommandLine.Option;

/** The options of guidance that models with a guider have, HunyuanVideo 1.5 for one. */
final class GuiderOptions {
  @Option(
      names = "--guidance-rescale",
      paramLabel = "SHARE",
      description =
          "how much guidance keeps the deviation of the prediction with the prompt, 0 to 1"
              + " (default: the model's)")
  private Double rescale;

  @Option(
      names = "--guidance-start",
      paramLabel = "SHARE",
      description = "share of the steps before guidance begins (default: the model's)")
  private Double start;

  @Option(
      names = "--guidance-stop",
      paramLabel = "SHARE",
      description = "share of the steps after which guidance ends (default: the model's)")
  private Double stop;

  @Option(
      names = "--use-original-formulation",
      arity = "0..1",
      fallbackValue = "true",
      paramLabel = "true|false",
      description =
          "whether the guidance scale counts from the prediction with the prompt, so that 0 turns"
              + " it off (default: the model's)")
  private Boolean original;

  /** What is asked for. */
  GuiderWish wish() {
    return new GuiderWish(
        optional(rescale), optional(start), optional(stop), Optional.ofNullable(original));
  }

  private static OptionalDouble optional(Double value) {
    return value == null ? OptionalDouble.empty() : OptionalDouble.of(value);
  }
}
