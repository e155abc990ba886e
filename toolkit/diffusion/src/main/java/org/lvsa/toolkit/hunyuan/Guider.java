// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.nio.file.Path;
import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * What the folder {@code guider} says about guidance: HunyuanVideo 1.5 has its scale there and not
 * in the pipeline's call.
 *
 * @param scale of guidance; 1 where the folder turns it off
 */
record Guider(double scale) {
  static final String CLASS = "ClassifierFreeGuidance";

  /** Reads the folder; what is not supported is named. */
  static Guider read(Path folder) {
    ComponentConfig config = ComponentConfig.readFile(folder.resolve("guider_config.json"));
    config.requirePresent("_class_name", CLASS);
    config.require("guidance_rescale", "0.0", "0");
    config.require("start", "0.0", "0");
    config.require("stop", "1.0", "1");
    config.require("use_original_formulation", false);
    double scale = config.number("guidance_scale", 7.5);
    boolean on = config.flag("enabled", true);
    config.finish();
    return new Guider(on ? scale : 1);
  }
}
