// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.nio.file.Path;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.pipeline.Guider;
import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * What the folder {@code guider} says about guidance: HunyuanVideo 1.5 has it there and not in the
 * pipeline's call.
 *
 * @param scale of guidance; the one that changes nothing where the folder turns guidance off
 * @param options the others
 */
record GuiderFile(double scale, Guider options) {
  static final String CLASS = "ClassifierFreeGuidance";

  /** Reads the folder; what is not supported is named. */
  static GuiderFile read(Path folder) {
    ComponentConfig config = ComponentConfig.readFile(folder.resolve("guider_config.json"));
    config.requirePresent("_class_name", CLASS);
    double scale = config.number("guidance_scale", 7.5);
    Guider options = options(config);
    boolean on = config.flag("enabled", true);
    config.finish();
    return new GuiderFile(on ? scale : options.off(), options);
  }

  private static Guider options(ComponentConfig config) {
    double rescale = config.number("guidance_rescale", 0);
    double start = config.number("start", 0);
    double stop = config.number("stop", 1);
    boolean original = config.flag("use_original_formulation", false);
    try {
      return new Guider(rescale, start, stop, original);
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(config.file() + ": " + e.getMessage());
    }
  }
}
