// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.pattern.Pattern;

/**
 * Sparse-window attention inside a block, where video and text are still apart. Because the number
 * of video tokens is known, on any number of ranks, only the number of latent frames has to be
 * given.
 *
 * @param origin names the caller in fallback lines: {@code wan_hook}
 */
public record LvsaProcessor(String origin) implements AttentionProcessor {
  @Override
  public Attended attend(Generation generation, Object layer, Qkv video, Optional<Qkv> text) {
    int tokens = generation.videoTokens(video);
    int step = generation.steps().tick(layer, tokens);
    if (generation.latentFrames().isEmpty()) {
      generation.fallback(origin, "no_t_lat", tokens, "hint=set LVSA_TOTAL_LATENT_FRAMES");
      return SelfAttention.dense(generation, video, text);
    }
    int frames = generation.latentFrames().getAsInt();
    List<Integer> given = generation.config().givenPatchesPerFrame();
    if (tokens % frames != 0 || !given.isEmpty() && !given.contains(tokens / frames)) {
      generation.fallback(
          origin,
          "geometry_mismatch",
          tokens,
          "T_lat=" + frames + (given.isEmpty() ? "" : ", P_given=" + given));
      return SelfAttention.dense(generation, video, text);
    }
    SequenceGeometry geometry =
        new SequenceGeometry(frames, tokens / frames, text.map(Qkv::tokens).orElse(0));
    Pattern pattern = generation.pattern(geometry, step);
    generation.runs(step, geometry, pattern);
    if (pattern.layout().isDense()) {
      // By the dense path, so that a video within the training horizon equals a dense one bit for
      // bit.
      return SelfAttention.dense(generation, video, text);
    }
    return SelfAttention.run(generation, geometry, pattern.layout(), video, text);
  }
}
