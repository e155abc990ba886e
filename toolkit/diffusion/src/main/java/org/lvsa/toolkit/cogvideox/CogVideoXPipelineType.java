// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import java.util.List;
import java.util.Map;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.PipelineType;
import org.lvsa.toolkit.pipeline.RandomSizes;
import org.lvsa.toolkit.pipeline.VideoPipeline;

/** Text to video with CogVideoX: {@code CogVideoXPipeline}. */
public final class CogVideoXPipelineType implements PipelineType {
  static final String CLASS = "CogVideoXPipeline";

  /** For {@link java.util.ServiceLoader}. */
  public CogVideoXPipelineType() {}

  @Override
  public String className() {
    return CLASS;
  }

  @Override
  public VideoPipeline open(ModelFolder folder, boolean allowUnused) {
    return new CogVideoXPipeline(CogVideoXModel.open(folder, allowUnused));
  }

  @Override
  public Map<String, String> notSupported() {
    return Map.of(
        "CogVideoXImageToVideoPipeline", "a picture to begin with",
        "CogVideoXVideoToVideoPipeline", "a video to begin with",
        "CogVideoXFunControlPipeline", "a video that controls another");
  }

  @Override
  public List<String> randomModels() {
    return RandomCogVideoX.names();
  }

  @Override
  public VideoPipeline random(RandomSizes sizes) {
    return new CogVideoXPipeline(CogVideoXModel.random(new RandomCogVideoX(sizes)));
  }
}
