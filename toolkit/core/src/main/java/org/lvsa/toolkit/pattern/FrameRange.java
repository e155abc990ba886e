// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pattern;

/**
 * Consecutive latent frames, both ends included; empty if {@code last < first}.
 *
 * @param first the first frame
 * @param last the last frame
 */
public record FrameRange(int first, int last) {
  /** True if the range holds the frame. */
  public boolean contains(int frame) {
    return first <= frame && frame <= last;
  }
}
