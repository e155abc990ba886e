// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.List;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.PipelineType;
import org.lvsa.toolkit.pipeline.RandomSizes;
import org.lvsa.toolkit.pipeline.VideoPipeline;

/** Text to video with Wan: {@code WanPipeline}. */
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
    return new WanPipeline(WanModel.open(folder, allowUnused));
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
