// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.BlockSparseLayout;
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
    Optional<Chosen> chosen =
        choose(generation, layer, generation.videoTokens(video), text.map(Qkv::tokens).orElse(0));
    // Dense layouts go by the dense path, so that a video within the training horizon equals a
    // dense one bit for bit.
    return chosen.isEmpty()
        ? SelfAttention.dense(generation, video, text)
        : SelfAttention.run(
            generation, chosen.get().geometry(), chosen.get().layout(), video, text);
  }

  /** What a sparse self-attention is computed with. */
  record Chosen(SequenceGeometry geometry, BlockSparseLayout layout) {}

  /**
   * Chooses for the next call of a layer, and notes it.
   *
   * @param tokens of the whole video
   * @param textTokens after them
   * @return empty if it is to run dense
   */
  Optional<Chosen> choose(Generation generation, Object layer, int tokens, int textTokens) {
    int step = generation.steps().tick(layer, tokens);
    if (generation.latentFrames().isEmpty()) {
      generation.fallback(origin, "no_t_lat", tokens, "hint=set LVSA_TOTAL_LATENT_FRAMES");
      return Optional.empty();
    }
    int frames = generation.latentFrames().getAsInt();
    List<Integer> given = generation.config().givenPatchesPerFrame();
    if (tokens % frames != 0 || !given.isEmpty() && !given.contains(tokens / frames)) {
      generation.fallback(
          origin,
          "geometry_mismatch",
          tokens,
          "T_lat=" + frames + (given.isEmpty() ? "" : ", P_given=" + given));
      return Optional.empty();
    }
    SequenceGeometry geometry = new SequenceGeometry(frames, tokens / frames, textTokens);
    Pattern pattern = generation.pattern(geometry, step);
    generation.runs(step, geometry, pattern);
    return pattern.layout().isDense()
        ? Optional.empty()
        : Optional.of(new Chosen(geometry, pattern.layout()));
  }

  /**
   * The layout of the next call of a layer whose attention something else computes.
   *
   * @param grid of the video
   * @throws IllegalArgumentException if the settings' frames are not those of the video
   */
  public BlockSparseLayout layout(Generation generation, Object layer, VideoGrid grid) {
    Optional<Chosen> chosen = choose(generation, layer, grid.tokens(), 0);
    if (chosen.isEmpty()) {
      generation.runsDense();
      return BlockSparseLayout.dense(grid.frames());
    }
    if (chosen.get().geometry().latentFrames() != grid.frames()) {
      throw new IllegalArgumentException(
          "a transformer on a device needs the video's own "
              + grid.frames()
              + " latent frames, the settings say "
              + chosen.get().geometry().latentFrames());
    }
    return chosen.get().layout();
  }
}
