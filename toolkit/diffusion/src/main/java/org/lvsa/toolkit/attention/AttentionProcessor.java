// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.Optional;
import org.lvsa.toolkit.config.LvsaConfig;

/**
 * What a model's block calls for self-attention, once projections and positions are applied: {@link
 * LvsaProcessor} for sparse attention, {@link BackendProcessor} for whatever the settings name.
 */
public sealed interface AttentionProcessor permits BackendProcessor, LvsaProcessor {
  /**
   * Computes the self-attention of one block.
   *
   * @param generation the video being made
   * @param layer which block calls; the same object in every step
   * @param video this rank's video tokens, {@code [batch, tokens, heads, headDim]}, float32; frame
   *     by frame, with positions already applied
   * @param text tokens that attend together with the video, whole on every rank; empty for models
   *     that see their text by cross-attention
   * @return the same tokens after attention
   */
  Attended attend(Generation generation, Object layer, Qkv video, Optional<Qkv> text);

  /**
   * The processor that a configuration asks for: sparse if {@code DIFFUSION_ATTENTION_BACKEND}
   * gives LVSA to self-attention, else what that setting names.
   *
   * @param origin what fallback lines call a sparse one: {@code wan}
   */
  static AttentionProcessor of(LvsaConfig config, String origin) {
    return config.attention("self").equals("LVSA")
        ? new LvsaProcessor(origin)
        : new BackendProcessor("DIFFUSION_ATTENTION_BACKEND=LVSA");
  }
}
