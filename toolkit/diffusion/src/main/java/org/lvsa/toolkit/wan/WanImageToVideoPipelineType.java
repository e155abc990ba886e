// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.PipelineType;
import org.lvsa.toolkit.pipeline.VideoPipeline;

/**
 * Pictures to video with Wan 2.1 and 2.2: {@code WanImageToVideoPipeline}. A picture to begin with,
 * and for some models one to end with.
 */
public final class WanImageToVideoPipelineType implements PipelineType {
  static final String CLASS = "WanImageToVideoPipeline";

  /** For {@link java.util.ServiceLoader}. */
  public WanImageToVideoPipelineType() {}

  @Override
  public String className() {
    return CLASS;
  }

  @Override
  public VideoPipeline open(ModelFolder folder, boolean allowUnused) {
    return new WanPipeline(WanFolder.open(folder, CLASS, allowUnused));
  }
}
