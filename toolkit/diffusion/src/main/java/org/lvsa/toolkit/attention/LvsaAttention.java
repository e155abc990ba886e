// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.Optional;
import org.lvsa.toolkit.pattern.Pattern;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Sparse-window attention over a sequence of video tokens with text tokens after them. Only the
 * number of latent frames is known; how many tokens are video follows from the settings' patches
 * per frame. A sequence that does not divide into frames runs dense, and a line of the log says so.
 */
public final class LvsaAttention implements DiffusionAttention {
  /** For {@link java.util.ServiceLoader}. */
  public LvsaAttention() {}

  @Override
  public String name() {
    return "LVSA";
  }

  @Override
  public INDArray attend(
      Generation generation, Object layer, INDArray query, INDArray key, INDArray value) {
    int tokens = (int) query.size(1);
    if (tokens != key.size(1)) {
      // Cross-attention is dense by design.
      return SdpaAttention.dense(generation, query, key, value);
    }
    generation.wholeSequence();
    if (generation.latentFrames().isEmpty()) {
      generation.fallback("attend", "no_t_lat", tokens, "hint=set LVSA_TOTAL_LATENT_FRAMES");
      return SdpaAttention.dense(generation, query, key, value);
    }
    int frames = generation.latentFrames().getAsInt();
    Optional<SequenceGeometry> geometry =
        SequenceGeometry.detect(tokens, frames, generation.config().patchesPerFrame());
    if (geometry.isEmpty()) {
      generation.fallback(
          "attend",
          "geometry_detect",
          tokens,
          "T_lat=" + frames + ", P_tried=" + generation.config().patchesPerFrame());
      return SdpaAttention.dense(generation, query, key, value);
    }
    int step = generation.steps().tick(layer, tokens);
    Pattern pattern = generation.pattern(geometry.get(), step);
    generation.runs(step, geometry.get(), pattern);
    if (pattern.layout().isDense()) {
      return SdpaAttention.dense(generation, query, key, value);
    }
    return SdpaAttention.run(generation, geometry.get(), pattern.layout(), query, key, value);
  }
}
