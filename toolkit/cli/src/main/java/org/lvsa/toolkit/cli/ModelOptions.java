// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.RandomWan;
import org.lvsa.toolkit.pipeline.WanModel;
import picocli.CommandLine.Option;

/** The options that say which model runs: a published folder, or random weights of its sizes. */
final class ModelOptions {
  @Option(names = "--model", paramLabel = "DIR", description = "the model's folder")
  private Path model;

  @Option(
      names = "--random-weights",
      paramLabel = "NAME",
      description =
          "in place of --model: random weights of a model's sizes, such as wan2.1-1.3b, and random"
              + " numbers in place of the text encoder's; the video shows noise")
  private String randomWeights;

  @Option(
      names = "--dim-scale",
      description =
          "${COMPLETION-CANDIDATES}, of --random-weights: small has 2 heads and 2 blocks, medium a"
              + " third of them, full the model's own (default: small)")
  private RandomWan.Scale dimScale;

  @Option(names = "--layers", paramLabel = "N", description = "blocks, of --random-weights")
  private Integer layers;

  @Option(
      names = "--component",
      paramLabel = "NAME=DIR",
      description =
          "a component from another folder, such as scheduler=DIR with scheduler_config.json")
  private Map<String, Path> components = new LinkedHashMap<>();

  @Option(
      names = "--allow-unused",
      description = "take weights that hold more tensors than the model reads")
  private boolean allowUnused;

  /**
   * A model that was opened.
   *
   * @param model to close
   * @param identity what tells it from other models
   */
  record Opened(WanModel model, String identity) {}

  /** Refuses options that do not fit together. */
  void check() {
    if ((model == null) == (randomWeights == null)) {
      throw new IllegalArgumentException("give --model DIR or --random-weights NAME, one of them");
    }
    if (randomWeights != null && (!components.isEmpty() || allowUnused)) {
      throw new IllegalArgumentException(
          "--component and --allow-unused belong to --model, not to --random-weights");
    }
    if (model != null && (dimScale != null || layers != null)) {
      throw new IllegalArgumentException(
          "--dim-scale and --layers belong to --random-weights, not to --model");
    }
    random();
  }

  /** The resolution where none was asked for. */
  Resolution resolution() {
    return random().map(RandomWan::resolution).orElse(new Resolution(832, 480));
  }

  /** Opens the model. */
  Opened open() {
    if (random().isPresent()) {
      return new Opened(WanModel.random(random().get()), random().get().toString());
    }
    ModelFolder folder = ModelFolder.open(model, components);
    return new Opened(WanModel.open(folder, allowUnused), folder.fingerprint());
  }

  /** The model whose sizes random weights have. */
  Optional<RandomWan> random() {
    return Optional.ofNullable(randomWeights)
        .map(
            name ->
                RandomWan.named(
                    name,
                    dimScale == null ? RandomWan.Scale.SMALL : dimScale,
                    layers == null ? OptionalInt.empty() : OptionalInt.of(layers)));
  }
}
