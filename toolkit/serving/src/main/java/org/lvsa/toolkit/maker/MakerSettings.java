// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.maker;

import java.util.Map;
import java.util.Optional;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.cache.CacheSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.TextMask;
import org.lvsa.toolkit.pipeline.RankPlan;
import org.lvsa.toolkit.vae.Tiling;

/**
 * What is the same for all videos of a server.
 *
 * @param environment the process's variables
 * @param options settings that were typed, by the name of their variable
 * @param counting how steps are counted for rotation
 * @param kernel device and kernel
 * @param ranks that make a video together
 * @param cache takes steps' blocks from earlier steps; empty to compute all
 * @param tiling how large frames are cut into tiles; empty to decode them whole
 * @param batchedGuidance whether both runs of a guided step are one batch
 * @param dynamicGuidance whether guidance changes from step to step
 * @param normalisedGuidance whether guidance keeps the length of the prediction with the prompt
 * @param textMask how padding of texts takes part
 */
public record MakerSettings(
    Map<String, String> environment,
    Map<String, String> options,
    StepCounting counting,
    KernelOptions kernel,
    RankPlan ranks,
    Optional<CacheSettings> cache,
    Optional<Tiling> tiling,
    boolean batchedGuidance,
    boolean dynamicGuidance,
    boolean normalisedGuidance,
    TextMask textMask) {
  /** Both maps are copied. */
  public MakerSettings {
    environment = Map.copyOf(environment);
    options = Map.copyOf(options);
  }
}
