// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Calls the attention that is selected for the role {@code self} on one sequence, video first. That
 * one sees a length and no more, so over several ranks, where the length is a shard's, it cannot
 * tell frames: LVSA then says so and runs dense.
 *
 * @param hook what to tell a user to install, such as {@code LVSA_WAN_HOOK=1}
 */
public record BackendProcessor(String hook) implements AttentionProcessor {
  @Override
  public Attended attend(Generation generation, Object layer, Qkv video, Optional<Qkv> text) {
    DiffusionAttention attention = DiffusionAttention.ofRole(generation, "self");
    int world = generation.ranks().world();
    if (world == 1) {
      Qkv joint = video.then(text);
      INDArray out = attention.attend(generation, layer, joint.query(), joint.key(), joint.value());
      return Attended.split(out, video.tokens());
    }
    if (attention instanceof LvsaAttention) {
      generation.fallback(
          "attend",
          "pre_sharded",
          video.tokens(),
          "rank=%d, world=%d, hint=the sequence arrives split among the ranks: set %s"
              .formatted(generation.ranks().rank(), world, hook));
    }
    return SelfAttention.dense(generation, video, text);
  }
}
