// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.Optional;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;

/**
 * When LVSA is installed inside a model's blocks.
 *
 * @param module the attention module that LVSA replaces, as log lines name it
 * @param variable the setting that has to be on as well; empty if choosing LVSA for self-attention
 *     is enough
 */
public record Hook(String module, Optional<Setting<Boolean>> variable) {

  /** Whether the settings ask for it: LVSA for self-attention, and the variable on. */
  public boolean wanted(LvsaConfig config) {
    return config.attention("self").equals("LVSA") && variable.map(config::on).orElse(true);
  }

  /** The setting that a user has to make: {@code LVSA_WAN_HOOK=1}. */
  public String instruction() {
    return variable
        .map(setting -> setting.name() + "=1")
        .orElse("DIFFUSION_ATTENTION_BACKEND=LVSA");
  }
}
