// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.Optional;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;

/**
 * When LVSA is installed inside a model's blocks.
 *
 * @param module the attention module that it takes over, as log lines name it
 * @param variable the setting that has to be on; empty where LVSA's being selected is enough
 */
public record Hook(String module, Optional<Setting<Boolean>> variable) {

  /** Whether a configuration wants it: LVSA for self-attention, and the variable on. */
  public boolean wanted(LvsaConfig config) {
    return config.attention("self").equals("LVSA") && variable.map(config::on).orElse(true);
  }

  /** What a user has to set. */
  public String instruction() {
    return variable
        .map(setting -> setting.name() + "=1")
        .orElse("DIFFUSION_ATTENTION_BACKEND=LVSA");
  }
}
