// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.maker;

import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.pipeline.GenerationAttention;

/**
 * What a server says of its attention before the first request. The published plugin and the script
 * that starts it print their variables then; here they stand in one line, with the model's own.
 */
final class StartupLines {
  private static final String PREFIX = "[LVSA] Startup: ";

  /** Passes per step about which the plugin says nothing: guided steps run twice. */
  private static final int USUAL_PASSES = 2;

  private StartupLines() {}

  /**
   * The lines.
   *
   * @param model its name, as clients see it
   * @param pipeline the name of its class
   * @param attention of a request that says nothing of it
   */
  static List<String> of(String model, String pipeline, GenerationAttention.Settings attention) {
    LvsaConfig config = attention.config();
    StringJoiner words = new StringJoiner(" ", PREFIX, "");
    words.add("model=" + Messages.cut(model));
    words.add("class=" + pipeline);
    words.add("attention=" + attention.name());
    for (Setting<?> setting : Setting.all()) {
      String text = config.value(setting).text();
      boolean isSaid = setting == Setting.DIFFUSION_ATTENTION_BACKEND;
      if (!isSaid && !text.equals(setting.standard())) {
        words.add(setting.name() + "=" + Messages.cut(text));
      }
    }
    List<String> lines = new ArrayList<>(List.of(words.toString()));
    LvsaConfig.Value<Integer> passes = config.value(Setting.LVSA_CFG_PASSES);
    if (passes.origin() != LvsaConfig.Origin.DEFAULT && passes.value() != USUAL_PASSES) {
      lines.add("[LVSA] Step counter: cfg_passes=" + passes.value() + " (from env)");
    }
    return lines;
  }
}
