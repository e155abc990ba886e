// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Locale;

/** The graphs of a {@link TransformerPlan}, in the order in which a first pass runs them. */
enum Stage {
  EMBED("patch embedding"),
  /** Sends the weights of a block, where they are not all on the device. */
  FETCH("a block's weights"),
  /** Brings the weights that were sent to where the blocks' kernels read them. */
  TAKE("copies of them"),
  BLOCK("weights and blocks"),
  /** Copies and compares the stream of tokens for a step cache, where there is one. */
  STREAMS("step cache"),
  HEAD("output head");

  private final String words;

  Stage(String words) {
    this.words = words;
  }

  /** What is made ready when the graph first runs, in words. */
  String words() {
    return words;
  }

  /** The graph's name. */
  String graph() {
    return name().toLowerCase(Locale.ROOT);
  }
}
