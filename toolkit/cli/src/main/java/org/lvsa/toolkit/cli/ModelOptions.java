// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.Pipelines;
import org.lvsa.toolkit.pipeline.RandomSizes;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import picocli.CommandLine.Option;

/** The options that say which model runs: a published folder, or random weights of its sizes. */
final class ModelOptions {
  @Option(names = "--model", paramLabel = "DIR", description = "the model's folder")
  private Path model;

  @Option(
      names = "--random-weights",
      paramLabel = "NAME|DIR",
      description =
          "in place of --model: random weights of a model's sizes, such as wan2.1-1.3b, or of those"
              + " in a model's folder, which needs its configurations alone; and random numbers in"
              + " place of the text encoder's; the video shows noise")
  private String randomWeights;

  @Option(
      names = "--dim-scale",
      description =
          "${COMPLETION-CANDIDATES}, of --random-weights: small has 2 heads and 2 blocks, medium a"
              + " third of them, full the model's own (default: small)")
  private RandomSizes.Scale dimScale;

  @Option(names = "--layers", paramLabel = "N", description = "blocks, of --random-weights")
  private Integer layers;

  @Option(
      names = "--component",
      paramLabel = "NAME=PATH",
      description =
          "a component from another folder, such as scheduler=DIR with scheduler_config.json, or"
              + " its weights from one file, such as transformer=FILE.safetensors")
  private Map<String, Path> components = new LinkedHashMap<>();

  @Option(
      names = "--pipeline",
      paramLabel = "CLASS",
      description = "the pipeline that opens the folder (default: model_index.json's _class_name)")
  private String pipeline;

  @Option(
      names = "--allow-unused",
      description = "take weights that hold more tensors than the model reads")
  private boolean allowUnused;

  /**
   * A model that was opened.
   *
   * @param pipeline to close
   * @param identity what tells it from other models
   * @param weights files that it will read
   */
  record Opened(VideoPipeline pipeline, String identity, List<Path> weights) {}

  /** Refuses options that do not fit together. */
  void check() {
    if ((model == null) == (randomWeights == null)) {
      throw new IllegalArgumentException(
          "give --model DIR or --random-weights NAME|DIR, one of them");
    }
    if (randomWeights != null && (!components.isEmpty() || allowUnused || pipeline != null)) {
      throw new IllegalArgumentException(
          "--component, --pipeline and --allow-unused belong to --model, not to --random-weights");
    }
    if (model != null && (dimScale != null || layers != null)) {
      throw new IllegalArgumentException(
          "--dim-scale and --layers belong to --random-weights, not to --model");
    }
    if (randomFolder().isPresent() && (dimScale != null || layers != null)) {
      throw new IllegalArgumentException(
          "--dim-scale and --layers belong to --random-weights NAME: a folder says its own sizes");
    }
    sizes();
    if (pipeline != null) {
      Pipelines.named(pipeline);
    }
  }

  /** The name of the model's folder, or of the model whose sizes random weights have. */
  String name() {
    if (model == null && randomFolder().isEmpty()) {
      return randomWeights;
    }
    Path last = randomFolder().orElse(model).toAbsolutePath().normalize().getFileName();
    return last == null ? "model" : last.toString();
  }

  /** Opens the model. */
  Opened open() {
    if (randomFolder().isPresent()) {
      ModelFolder folder = ModelFolder.openRandom(randomFolder().get());
      return new Opened(
          Pipelines.open(folder, Optional.empty(), false),
          "random weights of " + folder.fingerprint(),
          List.of());
    }
    if (sizes().isPresent()) {
      VideoPipeline sized = Pipelines.random(sizes().get());
      return new Opened(sized, sized.toString(), List.of());
    }
    ModelFolder folder = ModelFolder.open(model, components);
    return new Opened(
        Pipelines.open(folder, Optional.ofNullable(pipeline), allowUnused),
        folder.fingerprint(),
        folder.weightFiles());
  }

  /** Whether the model has random weights. */
  boolean random() {
    return randomWeights != null;
  }

  /**
   * What a model with random weights is, in words.
   *
   * @param pipeline as it was opened
   */
  String randomTitle(VideoPipeline pipeline) {
    return randomFolder()
        .map(folder -> pipeline + " of the sizes in " + folder + " with random weights")
        .orElseGet(pipeline::toString);
  }

  /** The folder whose sizes random weights have; empty where they have a known model's. */
  private Optional<Path> randomFolder() {
    return Optional.ofNullable(randomWeights)
        .filter(name -> !Pipelines.randomModels().contains(name))
        .map(Path::of)
        .filter(Files::isDirectory);
  }

  /** Sizes of the known model with random weights. */
  private Optional<RandomSizes> sizes() {
    if (randomWeights == null || randomFolder().isPresent()) {
      return Optional.empty();
    }
    if (!Pipelines.randomModels().contains(randomWeights)) {
      throw new IllegalArgumentException(
          Messages.unknown("model with random weights", randomWeights, Pipelines.randomModels()));
    }
    return Optional.of(
        new RandomSizes(
            randomWeights,
            dimScale == null ? RandomSizes.Scale.SMALL : dimScale,
            layers == null ? OptionalInt.empty() : OptionalInt.of(layers)));
  }
}
