// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.Optional;

/**
 * What a model's block calls for self-attention, after projections and positions. A block starts
 * with {@link BackendProcessor}; installing LVSA's hook on a model puts {@link LvsaProcessor} in
 * its place.
 */
public sealed interface AttentionProcessor permits BackendProcessor, LvsaProcessor {
  /**
   * Attends.
   *
   * @param generation the video being made
   * @param layer which block calls, the same object in every step
   * @param video this rank's video tokens
   * @param text tokens that attend together with the video, whole on every rank; empty for models
   *     that see their text by cross-attention
   */
  Attended attend(Generation generation, Object layer, Qkv video, Optional<Qkv> text);
}
