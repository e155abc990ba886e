// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Memory;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.Pipelines;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "models",
    description = "The models whose sizes are known, and what a model's folder holds.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {ModelsCommand.ListCommand.class, ModelsCommand.InspectCommand.class},
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
      if (format.format == Format.JSON) {
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

  @Command(
      name = "inspect",
      description = "What a model's folder holds: class, components, geometry, memory.",
      mixinStandardHelpOptions = true)
  static final class InspectCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private FormatOption format;

    @Parameters(index = "0", paramLabel = "DIR", description = "the model's folder")
    private Path folder;

    @Option(
        names = "--resolution",
        paramLabel = "WIDTHxHEIGHT",
        description = "of the video whose memory is told (default: the model's)")
    private String resolution;

    @Option(
        names = "--frames",
        description = "of the video whose memory is told (default: the model's)")
    private Integer frames;

    @Option(names = "--allow-unused", description = "take weights that nothing reads")
    private boolean allowUnused;

    @Override
    public Integer call() throws Exception {
      ModelFolder opened = ModelFolder.open(folder);
      PrintWriter out = spec.commandLine().getOut();
      try (VideoPipeline pipeline = Pipelines.open(opened, Optional.empty(), allowUnused)) {
        GenerationSettings settings =
            new GenerationSettings(
                new GenerationSettings.Prompts("any", ""),
                new VideoSize(
                    resolution == null
                        ? pipeline.defaults().resolution()
                        : Resolution.parse(resolution),
                    frames == null ? pipeline.defaults().frames() : frames),
                1,
                new GuidanceSettings(5, false),
                OptionalDouble.empty(),
                new StartingLatents.Seed(0));
        List<MemoryNeed> memory = pipeline.memory(settings, Optional.empty(), 1);
        if (format.format == Format.JSON) {
          out.println(json(opened, pipeline.geometry(), memory).toPrettyString());
        } else {
          print(out, opened, pipeline.geometry(), settings.size(), memory);
        }
      }
      out.flush();
      return 0;
    }

    private void print(
        PrintWriter out,
        ModelFolder opened,
        Map<String, Integer> geometry,
        VideoSize video,
        List<MemoryNeed> memory) {
      out.println("class       " + opened.pipelineClass());
      for (ModelFolder.Component component : opened.components()) {
        out.printf(
            Locale.ROOT,
            "component   %-14s %-33s %8.1f MiB%n",
            component.name(),
            component.className(),
            component.bytes() / (double) (1 << 20));
      }
      out.println(
          "geometry    "
              + geometry.entrySet().stream()
                  .map(size -> size.getKey().replace('_', ' ') + " " + size.getValue())
                  .collect(Collectors.joining(", ")));
      out.printf(
          Locale.ROOT, "memory      of %d frames of %s:%n", video.frames(), video.resolution());
      for (MemoryNeed need : memory) {
        out.printf(Locale.ROOT, "            %-21s %8d MiB%n", need.part(), need.bytes() >> 20);
      }
      out.printf(Locale.ROOT, "            %-21s %8d MiB%n", "free here", Memory.available() >> 20);
    }

    private static ObjectNode json(
        ModelFolder opened, Map<String, Integer> geometry, List<MemoryNeed> memory) {
      ObjectNode root = Json.object();
      root.put("class", opened.pipelineClass());
      ObjectNode components = root.putObject("components");
      for (ModelFolder.Component component : opened.components()) {
        components
            .putObject(component.name())
            .put("class", component.className())
            .put("bytes", component.bytes());
      }
      ObjectNode sizes = root.putObject("geometry");
      geometry.forEach(sizes::put);
      ObjectNode bytes = root.putObject("memory_bytes");
      memory.forEach(need -> bytes.put(need.part().replace(' ', '_'), need.bytes()));
      bytes.put("free_here", Memory.available());
      return root;
    }
  }
}
