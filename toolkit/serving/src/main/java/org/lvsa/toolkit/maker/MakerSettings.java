// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.maker;

import java.util.Map;
import java.util.Optional;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.cache.CacheSettings;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.pipeline.GenerationSettings.TextMask;
import org.lvsa.toolkit.pipeline.GuiderWish;
import org.lvsa.toolkit.pipeline.RankPlan;
import org.lvsa.toolkit.vae.Tiling;

/**
 * What is the same for all videos of a server.
 *
 * @param attention how the video's tokens attend
 * @param guidance how guided steps run
 * @param ranks that make a video together
 * @param cache takes steps' blocks from earlier steps; empty to compute all
 * @param tiling how large frames are cut into tiles; empty to decode them whole
 * @param device on which the whole transformer is; empty for the CPU
 */
public record MakerSettings(
    Attention attention,
    Guidance guidance,
    RankPlan ranks,
    Optional<CacheSettings> cache,
    Optional<Tiling> tiling,
    Optional<DeviceChoice> device) {

  /**
   * How the video's tokens attend, where a request does not say otherwise.
   *
   * @param environment the process's variables
   * @param options settings that were typed, by the name of their variable
   * @param pattern a pattern of the laboratory; empty for what the settings say
   * @param counting how steps are counted for rotation
   * @param kernel device and kernel
   * @param textMask how padding of texts takes part
   */
  public record Attention(
      Map<String, String> environment,
      Map<String, String> options,
      Optional<String> pattern,
      StepCounting counting,
      KernelOptions kernel,
      TextMask textMask) {
    /** Both maps are copied. */
    public Attention {
      environment = Map.copyOf(environment);
      options = Map.copyOf(options);
    }
  }

  /**
   * How guided steps run.
   *
   * @param batched whether both runs of a step are one batch
   * @param dynamic whether guidance changes from step to step
   * @param normalised whether guidance keeps the length of the prediction with the prompt
   * @param guider options in place of the model's
   */
  public record Guidance(boolean batched, boolean dynamic, boolean normalised, GuiderWish guider) {}
}
