// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import org.lvsa.toolkit.model.PatchGrid;

/**
 * How the tokens of a video lie: latent frame by latent frame, each row by row.
 *
 * @param frames latent frames
 * @param patches of one latent frame
 */
public record VideoGrid(int frames, PatchGrid patches) {
  /** Tokens of the whole video. */
  public int tokens() {
    return Math.multiplyExact(frames, patches.patches());
  }
}
