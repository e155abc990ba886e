// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.Optional;
import java.util.OptionalDouble;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.pipeline.GenerationSettings.TextMask;
import org.lvsa.toolkit.pipeline.GuiderWish;
import org.lvsa.toolkit.vae.Tiling;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options that say how videos are made, whichever are asked for. */
final class HowOptions {
  @Option(
      names = "--dynamic-guidance",
      description = "guidance that changes from step to step, of CogVideoX")
  private boolean dynamicGuidance;

  @Option(
      names = "--batched-guidance",
      description = "both runs of a guided step as one batch, which takes more memory")
  private boolean batchedGuidance;

  @Option(
      names = "--cfg-normalize",
      description = "guidance keeps the length of the prediction with the prompt")
  private boolean normalisedGuidance;

  @Mixin private GuiderOptions guider;

  @Option(
      names = "--text-mask",
      defaultValue = "masked",
      description =
          "${COMPLETION-CANDIDATES}: whether sparse attention leaves out the padding behind a text,"
              + " or lets it attend as the published code does (default: ${DEFAULT-VALUE})")
  private TextMask textMask;

  @Option(
      names = "--lvsa-steps",
      defaultValue = "examples",
      description =
          "${COMPLETION-CANDIDATES}: how steps are counted for rotation, as the published example"
              + " programs, one step late, or as the plugin (default: ${DEFAULT-VALUE})")
  private StepCounting lvsaSteps;

  @Option(
      names = "--vae-tiling",
      description = "decode large frames in tiles, which takes less memory")
  private boolean vaeTiling;

  @Option(
      names = "--riflex",
      paramLabel = "SCALE",
      description = "slow the temporal position that would repeat, for a video SCALE times as long")
  private Double riflex;

  boolean dynamicGuidance() {
    return dynamicGuidance;
  }

  boolean batchedGuidance() {
    return batchedGuidance;
  }

  boolean normalisedGuidance() {
    return normalisedGuidance;
  }

  GuiderWish guider() {
    return guider.wish();
  }

  TextMask textMask() {
    return textMask;
  }

  StepCounting lvsaSteps() {
    return lvsaSteps;
  }

  /** How many times as long as the training's videos are; empty to leave positions as they are. */
  OptionalDouble riflex() {
    return riflex == null ? OptionalDouble.empty() : OptionalDouble.of(riflex);
  }

  /** How large frames are cut into tiles; empty to decode them whole. */
  Optional<Tiling> tiling() {
    return vaeTiling ? Optional.of(Tiling.DEFAULT) : Optional.empty();
  }
}
