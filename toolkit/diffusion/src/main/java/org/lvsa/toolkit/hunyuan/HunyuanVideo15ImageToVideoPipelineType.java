// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.PipelineType;
import org.lvsa.toolkit.pipeline.VideoPipeline;

/**
 * A picture to video with HunyuanVideo 1.5: {@code HunyuanVideo15ImageToVideoPipeline}. The video
 * begins with the picture.
 */
public final class HunyuanVideo15ImageToVideoPipelineType implements PipelineType {
  static final String CLASS = "HunyuanVideo15ImageToVideoPipeline";

  /** For {@link java.util.ServiceLoader}. */
  public HunyuanVideo15ImageToVideoPipelineType() {}

  @Override
  public String className() {
    return CLASS;
  }

  @Override
  public VideoPipeline open(ModelFolder folder, boolean allowUnused) {
    return new HunyuanVideo15Pipeline(HunyuanModel.open(folder, true, allowUnused));
  }
}
