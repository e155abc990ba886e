// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.OptionalInt;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.config.LvsaConfig;

/**
 * What a {@link Generation} is made with. {@link #of} gives the defaults; the {@code with} methods
 * change one thing each.
 *
 * @param config the settings, among them the backend, the type of numbers and the pattern's
 * @param latentFrames latent frames of the video as the transformer sees them; empty if the caller
 *     does not know. The setting {@code LVSA_TOTAL_LATENT_FRAMES} goes before it
 * @param counting how denoising steps are known
 * @param view this rank's place among the ranks that make the video together
 * @param kernel the device and the kernel of the backend
 */
public record GenerationOptions(
    LvsaConfig config,
    OptionalInt latentFrames,
    StepCounting counting,
    RankView view,
    KernelOptions kernel) {

  /** One rank, steps counted as the plugin does, the backend's own choice of a device. */
  public static GenerationOptions of(LvsaConfig config) {
    return new GenerationOptions(
        config, OptionalInt.empty(), StepCounting.PLUGIN, RankView.alone(), KernelOptions.DEFAULT);
  }

  /** With the number of latent frames. */
  public GenerationOptions withLatentFrames(int frames) {
    return new GenerationOptions(config, OptionalInt.of(frames), counting, view, kernel);
  }

  /** With another way of counting steps. */
  public GenerationOptions withCounting(StepCounting newCounting) {
    return new GenerationOptions(config, latentFrames, newCounting, view, kernel);
  }

  /** As one rank of several. */
  public GenerationOptions withView(RankView newView) {
    return new GenerationOptions(config, latentFrames, counting, newView, kernel);
  }

  /** With a device and a kernel that the caller chose. */
  public GenerationOptions withKernel(KernelOptions options) {
    return new GenerationOptions(config, latentFrames, counting, view, options);
  }
}
