// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.List;
import java.util.Map;

/**
 * A kind of pipeline: opens the published folders of one class name. Kinds are found by {@link
 * java.util.ServiceLoader}; {@link Pipelines} looks them up.
 */
public interface PipelineType {
  /** The pipeline's class, as {@code _class_name} of {@code model_index.json} gives it. */
  String className();

  /**
   * Opens a published folder and checks all of its components against each other. Weights are
   * mapped, so that opening is quick and needs little memory.
   *
   * @param allowUnused whether weights may hold tensors that nothing reads
   * @throws org.lvsa.toolkit.io.MalformedFileException naming what is missing, broken, not
   *     supported or not of the same model
   */
  VideoPipeline open(ModelFolder folder, boolean allowUnused);

  /**
   * Class names of the same family that nobody implements here → what such a pipeline takes or
   * makes that is not supported, in words: for the message to who has such a folder.
   */
  default Map<String, String> notSupported() {
    return Map.of();
  }

  /** Names of the models whose sizes {@link #random} knows. */
  default List<String> randomModels() {
    return List.of();
  }

  /**
   * A pipeline with random weights, the same at every call: it runs like the real one and shows
   * noise.
   *
   * @param sizes of one of {@link #randomModels}
   * @throws org.lvsa.toolkit.backend.UnavailableException if the weights do not fit into the memory
   *     that is free
   */
  default VideoPipeline random(RandomSizes sizes) {
    throw new UnsupportedOperationException(className() + " has no models with random weights");
  }
}
