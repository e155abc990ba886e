// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.List;
import java.util.Map;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.PipelineType;
import org.lvsa.toolkit.pipeline.RandomSizes;
import org.lvsa.toolkit.pipeline.VideoPipeline;

/**
 * Text to video with Wan 2.1 and 2.2: {@code WanPipeline}. Wan 2.2 TI2V's folders have this class
 * too, and take a picture to begin with.
 */
public final class WanPipelineType implements PipelineType {
  static final String CLASS = "WanPipeline";

  /** For {@link java.util.ServiceLoader}. */
  public WanPipelineType() {}

  @Override
  public String className() {
    return CLASS;
  }

  @Override
  public VideoPipeline open(ModelFolder folder, boolean allowUnused) {
    return new WanPipeline(WanFolder.open(folder, CLASS, allowUnused));
  }

  @Override
  public Map<String, String> notSupported() {
    return Map.of(
        "WanVACEPipeline", "a video or a picture to edit",
        "WanVideoToVideoPipeline", "a video to begin with",
        "WanAnimatePipeline", "a video whose motion another one takes over");
  }

  @Override
  public List<String> randomModels() {
    return RandomWan.names();
  }

  @Override
  public VideoPipeline random(RandomSizes sizes) {
    return new WanPipeline(WanModel.random(new RandomWan(sizes)));
  }
}
