// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.io.Messages;

/** The kinds of pipelines that are on the class path, and what is opened with them. */
public final class Pipelines {
  private Pipelines() {}

  /** All kinds, sorted by class name. */
  public static List<PipelineType> all() {
    return ServiceLoader.load(PipelineType.class).stream()
        .map(ServiceLoader.Provider::get)
        .sorted(Comparator.comparing(PipelineType::className))
        .toList();
  }

  /** The class names of all kinds, sorted. */
  public static List<String> classes() {
    return all().stream().map(PipelineType::className).toList();
  }

  /**
   * Opens a published folder with the pipeline that its {@code model_index.json} names.
   *
   * @param pipeline class name of the pipeline to take whatever the index says; empty for the
   *     index's
   * @param allowUnused whether weights may hold tensors that nothing reads
   * @throws org.lvsa.toolkit.io.MalformedFileException if no kind has the index's class, or the
   *     folder is not of this kind
   * @throws UnavailableException if the index's class is known and not supported
   * @throws IllegalArgumentException if no kind has the class that was asked for
   */
  public static VideoPipeline open(
      ModelFolder folder, Optional<String> pipeline, boolean allowUnused) {
    if (pipeline.isEmpty()) {
      requireSupported(folder.pipelineClass());
      folder.requirePipeline(classes());
    }
    return named(pipeline.orElse(folder.pipelineClass())).open(folder, allowUnused);
  }

  /** Refuses classes that belong to a family that is known, and are not implemented. */
  private static void requireSupported(String className) {
    for (PipelineType type : all()) {
      String what = type.notSupported().get(className);
      if (what != null) {
        throw new UnavailableException(
            what
                + " is not supported by this pipeline ("
                + className
                + "); of the same family, "
                + type.className()
                + " is supported");
      }
    }
  }

  /**
   * The kind of a class name.
   *
   * @throws IllegalArgumentException listing the class names there are
   * @throws UnavailableException if the class is known and not supported
   */
  public static PipelineType named(String className) {
    requireSupported(className);
    return all().stream()
        .filter(type -> type.className().equals(className))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    Messages.unknown("pipeline class", className, classes())));
  }

  /** Names of all models that random weights can have the sizes of, sorted. */
  public static List<String> randomModels() {
    return all().stream().flatMap(type -> type.randomModels().stream()).sorted().toList();
  }

  /**
   * A pipeline with random weights.
   *
   * @throws IllegalArgumentException listing the names there are, if the sizes' is none of them
   */
  public static VideoPipeline random(RandomSizes sizes) {
    return all().stream()
        .filter(type -> type.randomModels().contains(sizes.name()))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    Messages.unknown("model with random weights", sizes.name(), randomModels())))
        .random(sizes);
  }
}
