// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.Optional;

/**
 * The toolkit's attention, dense or LVSA on any backend, as a transformer calls it.
 *
 * @param generation the video being made: its backend, pattern and steps
 * @param processor what each block calls
 */
public record ProcessorAttention(Generation generation, AttentionProcessor processor)
    implements VideoSelfAttention {
  @Override
  public Attended attend(int layer, VideoGrid grid, Qkv video, Optional<Qkv> text) {
    return processor.attend(generation, layer, video, text);
  }
}
