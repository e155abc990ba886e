// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import org.lvsa.toolkit.config.Setting;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The options of a command that stand for a setting. Only an option that the user typed goes before
 * the environment; an option's default never does.
 */
final class TypedOptions {
  private TypedOptions() {}

  /**
   * The settings that were typed, for {@link org.lvsa.toolkit.config.LvsaConfig#of}.
   *
   * @param spec the command that runs
   * @param settings an option's name, such as {@code --sparsity-scale}, and the setting for which
   *     it stands
   * @return the typed values by the setting's variable name
   */
  static Map<String, String> of(CommandSpec spec, Map<String, Setting<?>> settings) {
    Map<String, String> typed = new LinkedHashMap<>();
    settings.forEach(
        (name, setting) -> {
          OptionSpec option = spec.findOption(name);
          if (option == null) {
            throw new IllegalStateException(spec.name() + " has no option " + name);
          }
          if (spec.commandLine().getParseResult().hasMatchedOption(option)) {
            Object value = option.getValue();
            typed.put(setting.name(), value.toString());
          }
        });
    return typed;
  }
}
