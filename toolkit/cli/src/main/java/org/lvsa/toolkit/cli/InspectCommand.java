// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Memory;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.Capability;
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
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code lvsa models inspect}: what a model's folder is, and what of it runs on this machine. Where
 * the folder cannot be run at all, what is in it is printed all the same.
 */
@Command(
    name = "inspect",
    description =
        "What a model's folder holds: class, components, geometry, memory, and what runs here.",
    mixinStandardHelpOptions = true)
final class InspectCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ModelsCommand.FormatOption format;

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

  /**
   * Something that a user may want to run.
   *
   * @param what in words
   * @param problem why it does not run here; empty if it does
   */
  private record Runs(String what, Optional<String> problem) {}

  @Override
  public Integer call() throws Exception {
    ModelFolder opened = ModelFolder.open(folder);
    ObjectNode root = contents(opened);
    List<Runs> runs = new ArrayList<>();
    Optional<RuntimeException> refused = Optional.empty();
    try (VideoPipeline pipeline = Pipelines.open(opened, Optional.empty(), allowUnused)) {
      runs.add(new Runs("pipeline " + opened.pipelineClass(), Optional.empty()));
      add(root, runs, pipeline);
    } catch (MalformedFileException | UnavailableException e) {
      refused = Optional.of(e);
      runs.add(new Runs("pipeline " + opened.pipelineClass(), Optional.ofNullable(e.getMessage())));
    }
    for (Backends.Listed backend : Backends.listed()) {
      runs.add(
          new Runs(
              "backend " + backend.name(),
              backend.availability() instanceof Availability.Unavailable(String reason)
                  ? Optional.of(reason)
                  : Optional.empty()));
    }
    for (Runs one : runs) {
      ObjectNode node = root.withArray("runs").addObject().put("what", one.what());
      node.put("here", one.problem().isEmpty());
      one.problem().ifPresent(problem -> node.put("reason", problem));
    }
    PrintWriter out = spec.commandLine().getOut();
    if (format.json()) {
      out.println(root.toPrettyString());
    } else {
      print(out, root);
    }
    out.flush();
    if (refused.isPresent()) {
      throw refused.get();
    }
    return 0;
  }

  private static ObjectNode contents(ModelFolder opened) {
    ObjectNode root = Json.object();
    root.put("class", opened.pipelineClass());
    ObjectNode components = root.putObject("components");
    for (ModelFolder.Component component : opened.components()) {
      ObjectNode node = components.putObject(component.name());
      node.put("class", component.className()).put("bytes", component.bytes());
      try {
        component
            .files()
            .bytesByType()
            .forEach((type, bytes) -> node.withObject("/dtypes").put(type.name(), bytes));
      } catch (MalformedFileException e) {
        node.put("broken", e.getMessage());
      }
    }
    return root;
  }

  private void add(ObjectNode root, List<Runs> runs, VideoPipeline pipeline) {
    VideoSize size =
        new VideoSize(
            resolution == null ? pipeline.defaults().resolution() : Resolution.parse(resolution),
            frames == null ? pipeline.defaults().frames() : frames);
    GenerationSettings settings =
        new GenerationSettings(
            new GenerationSettings.Prompts("any", ""),
            size,
            1,
            new GuidanceSettings(5, false),
            OptionalDouble.empty(),
            new StartingLatents.Seed(0));
    ObjectNode sizes = root.putObject("geometry");
    pipeline.geometry().forEach(sizes::put);
    String video = size.frames() + " frames of " + size.resolution();
    root.put("video", video);
    List<MemoryNeed> memory = pipeline.memory(settings, Optional.empty(), 1);
    ObjectNode bytes = root.putObject("memory_bytes");
    memory.forEach(need -> bytes.put(need.part().replace(' ', '_'), need.bytes()));
    bytes.put("free_here", Memory.available());
    runs.add(new Runs(video, problem(() -> MemoryNeed.require(memory))));
    for (Capability capability : Capability.values()) {
      runs.add(new Runs(capability.words(), problem(() -> capability.require(pipeline))));
    }
  }

  /** What is wrong, in the words of whoever refuses it. */
  private static Optional<String> problem(Runnable check) {
    try {
      check.run();
      return Optional.empty();
    } catch (UnavailableException | IllegalArgumentException e) {
      return Optional.of(e.getMessage());
    }
  }

  private static String types(JsonNode bytes) {
    return bytes.properties().stream()
        .map(type -> type.getKey() + " " + mebibytes(type.getValue()))
        .collect(Collectors.joining(", "));
  }

  private static String mebibytes(JsonNode bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", bytes.longValue() / (double) (1 << 20));
  }

  private static void print(PrintWriter out, JsonNode root) {
    out.println("class       " + root.get("class").textValue());
    for (Map.Entry<String, JsonNode> component : root.get("components").properties()) {
      JsonNode node = component.getValue();
      out.printf(
          Locale.ROOT,
          "component   %-14s %-33s %12s  %s%n",
          component.getKey(),
          node.get("class").textValue(),
          mebibytes(node.get("bytes")),
          node.has("broken") ? "broken" : types(node.path("dtypes")));
    }
    if (root.has("geometry")) {
      List<String> sizes = new ArrayList<>();
      root.get("geometry")
          .properties()
          .forEach(size -> sizes.add(size.getKey().replace('_', ' ') + " " + size.getValue()));
      out.println("geometry    " + String.join(", ", sizes));
      out.println("memory      of " + root.get("video").textValue() + ":");
      for (Map.Entry<String, JsonNode> need : root.get("memory_bytes").properties()) {
        out.printf(
            Locale.ROOT,
            "            %-21s %8d MiB%n",
            need.getKey().replace('_', ' '),
            need.getValue().longValue() >> 20);
      }
    }
    for (boolean here : new boolean[] {true, false}) {
      String head = here ? "runs here" : "does not";
      for (JsonNode one : root.get("runs")) {
        if (one.get("here").booleanValue() == here) {
          out.printf(
              Locale.ROOT,
              "%-11s %s%s%n",
              head,
              one.get("what").textValue(),
              here ? "" : ": " + one.get("reason").textValue());
          head = "";
        }
      }
    }
  }
}
