// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.List;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.PipelineType;
import org.lvsa.toolkit.pipeline.RandomSizes;
import org.lvsa.toolkit.pipeline.VideoPipeline;

/** Text to video with HunyuanVideo 1.5: {@code HunyuanVideo15Pipeline}. */
public final class HunyuanVideo15PipelineType implements PipelineType {
  static final String CLASS = "HunyuanVideo15Pipeline";

  /** For {@link java.util.ServiceLoader}. */
  public HunyuanVideo15PipelineType() {}

  @Override
  public String className() {
    return CLASS;
  }

  @Override
  public VideoPipeline open(ModelFolder folder, boolean allowUnused) {
    return new HunyuanVideo15Pipeline(HunyuanModel.open(folder, false, allowUnused));
  }

  @Override
  public List<String> randomModels() {
    return List.of(RandomHunyuan.NAME);
  }

  @Override
  public VideoPipeline random(RandomSizes sizes) {
    return new HunyuanVideo15Pipeline(HunyuanModel.random(new RandomHunyuan(sizes)));
  }
}
