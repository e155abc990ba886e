// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.example;

import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.PipelineType;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * Ripple in a folder of the publisher's own layout: the index has the class and keys of its own,
 * and no components.
 */
public final class RippleBundlePipelineType implements PipelineType {
  /** For {@link java.util.ServiceLoader}. */
  public RippleBundlePipelineType() {}

  @Override
  public String className() {
    return "RippleBundlePipeline";
  }

  @Override
  public VideoPipeline open(ModelFolder folder, boolean allowUnused) {
    ComponentConfig own = ComponentConfig.readFile(folder.path().resolve("model_index.json"));
    own.require("bundle_version", 2);
    ModelFolder parts = ModelFolder.open(folder.path().resolve(own.text("parts")));
    return new RipplePipelineType().open(parts, allowUnused);
  }
}
