// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import org.lvsa.toolkit.weights.ComponentConfig;

/** What the settings of the multistep solvers have in common. */
final class FlowSettings {
  private FlowSettings() {}

  /** Other ways to space the sigmas are refused; what serves them alone has no effect. */
  static void refuseOtherSigmas(ComponentConfig config) {
    config.require("use_karras_sigmas", "false");
    config.require("use_exponential_sigmas", "false");
    config.require("use_beta_sigmas", "false");
    config.withoutEffect(
        "beta_start",
        "beta_end",
        "beta_schedule",
        "trained_betas",
        "rescale_betas_zero_snr",
        "timestep_spacing",
        "steps_offset",
        "dynamic_thresholding_ratio",
        "sample_max_value",
        "time_shift_type");
  }
}
