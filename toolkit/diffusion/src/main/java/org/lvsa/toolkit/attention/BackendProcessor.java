// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.Optional;

/**
 * Calls the attention that the settings give to self-attention, on one sequence with the video
 * first. That attention sees only the sequence's length. Over several ranks the length is one
 * rank's part and tells nothing about frames, so LVSA runs dense there, and a line of the log says
 * so.
 *
 * @param hook the setting that a user has to make for sparse attention over several ranks, such as
 *     {@code LVSA_WAN_HOOK=1}
 */
public record BackendProcessor(String hook) implements AttentionProcessor {
  @Override
  public Attended attend(Generation generation, Object layer, Qkv video, Optional<Qkv> text) {
    if (SelfAttention.isRagged(text)) {
      return SelfAttention.elements(
          video, text.get(), (one, its) -> attend(generation, layer, one, its));
    }
    DiffusionAttention attention = DiffusionAttention.ofRole(generation, "self");
    int world = generation.ranks().world();
    if (world == 1) {
      return SelfAttention.joined(
          video,
          text,
          joint -> attention.attend(generation, layer, joint.query(), joint.key(), joint.value()));
    }
    if (attention instanceof LvsaAttention) {
      generation.fallback(
          "attend",
          "pre_sharded",
          video.tokens(),
          "rank="
              + generation.ranks().rank()
              + ", world="
              + world
              + ", hint=the sequence arrives split among the ranks: set "
              + hook);
    }
    return SelfAttention.dense(generation, video, text);
  }
}
