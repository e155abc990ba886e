// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.io.Json;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "config",
    description = "Prints the LVSA_* settings in force and where each value came from.",
    mixinStandardHelpOptions = true,
    footer = {"", "Example:", "  LVSA_WINDOW_SIZE=8 ./lvsa config --set LVSA_ROTATE_KEYFRAMES=1"})
final class ConfigCommand implements Callable<Integer> {
  enum Format {
    TEXT,
    JSON
  }

  @Spec private CommandSpec spec;

  @Option(names = "--set", paramLabel = "NAME=VALUE", description = "a value before all others")
  private Map<String, String> set = new LinkedHashMap<>();

  @Option(
      names = "--format",
      defaultValue = "text",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
  private Format format;

  @Option(names = "--reference", description = "print the reference of all settings, in Markdown")
  private boolean reference;

  @Override
  public Integer call() throws Exception {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    if (reference) {
      out.print(LvsaConfig.reference());
      out.flush();
      return 0;
    }
    LvsaConfig config =
        LvsaConfig.of(Lvsa.environment(spec), set, line -> err.println("lvsa: warning: " + line));
    err.flush();
    if (format == Format.JSON) {
      ObjectNode all = Json.object();
      for (Setting<?> setting : Setting.all()) {
        LvsaConfig.Value<?> value = config.value(setting);
        all.putObject(setting.name())
            .put("value", value.text())
            .put("origin", value.origin().name().toLowerCase(Locale.ROOT));
      }
      out.println(all.toPrettyString());
    } else {
      for (Setting<?> setting : Setting.all()) {
        LvsaConfig.Value<?> value = config.value(setting);
        String origin = value.origin().name().toLowerCase(Locale.ROOT).replace('_', ' ');
        out.printf(
            Locale.ROOT,
            "%-29s %-12s %s%n",
            setting.name(),
            value.text().isEmpty() ? "-" : value.text(),
            origin);
      }
      out.printf(
          Locale.ROOT,
          "in latent frames: window %d, first %d, interval %s; patches per frame %s%n",
          config.latentWindow(),
          config.latentFirstFrames(),
          config.latentKeyFrameInterval().isPresent()
              ? config.latentKeyFrameInterval().getAsInt()
              : "automatic",
          config.patchesPerFrame());
    }
    out.flush();
    return 0;
  }
}
