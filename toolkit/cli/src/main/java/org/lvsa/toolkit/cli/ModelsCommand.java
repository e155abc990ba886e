// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.pipeline.Pipelines;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "models",
    description = "The models whose sizes are known, and what a model's folder holds.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {ModelsCommand.ListCommand.class, InspectCommand.class},
    footer = {
      "",
      "Examples:",
      "  ./lvsa models list",
      "  ./lvsa models inspect Wan2.1-T2V-1.3B-Diffusers --frames 161"
    })
final class ModelsCommand implements Runnable {
  @Spec private CommandSpec spec;

  enum Format {
    TEXT,
    JSON
  }

  /** {@code --format} of both commands. */
  static final class FormatOption {
    @Option(
        names = "--format",
        defaultValue = "text",
        description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
    private Format format;

    boolean json() {
      return format == Format.JSON;
    }
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing: list or inspect");
  }

  @Command(
      name = "list",
      description = "The models whose sizes are known, and the pipelines that generate videos.",
      mixinStandardHelpOptions = true)
  static final class ListCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private FormatOption format;

    @Override
    public Integer call() throws Exception {
      PrintWriter out = spec.commandLine().getOut();
      if (format.json()) {
        ObjectNode root = Json.object();
        root.set("models", Json.mapper().valueToTree(Models.all()));
        root.set("pipelines", Json.mapper().valueToTree(Pipelines.classes()));
        out.println(root.toPrettyString());
      } else {
        for (ModelGeometry model : Models.all()) {
          out.printf(
              Locale.ROOT,
              "%-17s %-20s %2d heads of %3d, %2d layers, horizon %2d latent frames, %s%n",
              model.name(),
              model.title(),
              model.heads(),
              model.headDim(),
              model.layers(),
              model.referenceFrames(),
              String.join(" ", model.resolutions()));
        }
        out.println("folders that generate runs: " + String.join(", ", Pipelines.classes()));
      }
      out.flush();
      return 0;
    }
  }
}
