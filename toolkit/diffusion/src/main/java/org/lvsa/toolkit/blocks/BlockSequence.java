// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blocks;

import java.util.Optional;

/**
 * The blocks of one list of a transformer, together with the streams of tokens that one run of the
 * transformer sends through them. A transformer makes one per list and run, and hands it to a
 * {@link BlockRunner}:
 *
 * <pre>{@code
 * attention.blocks().run(new BlockSequence() { … });
 * }</pre>
 */
public interface BlockSequence {
  /**
   * The list's name among the transformer's modules, such as {@code blocks} or {@code
   * transformer_blocks}: two lists of one transformer have two names.
   */
  String name();

  /** Number of blocks. */
  int size();

  /** What the blocks take and give. */
  ForwardPattern pattern();

  /**
   * Runs one block over the streams, in place or by replacing them.
   *
   * @param block its number, from 0
   */
  void run(int block);

  /**
   * The video's stream as it is now, {@code [batch, tokens, width]}. It belongs to the transformer.
   * Whoever skips blocks changes it in place.
   */
  Tokens hidden();

  /** The text's stream as it is now, as {@link #hidden}; empty if the blocks have none. */
  default Optional<Tokens> encoder() {
    return Optional.empty();
  }

  /**
   * Keeps outputs of attentions where blocks are on a device and cannot ask a {@link BlockRunner}
   * for each of them; empty where they ask.
   */
  default Optional<Outputs> outputs() {
    return Optional.empty();
  }

  /** Keeps outputs of attentions in the blocks that run from now on, each block's for itself. */
  interface Outputs {
    /** Whether blocks have such an attention. */
    boolean has(BlockRunner.Attention kind);

    /**
     * Says what becomes of the outputs of one kind.
     *
     * @param set in which they are kept, one for each branch of guidance, from 0
     * @param again those that were kept last take the place of new ones; else new ones are kept
     */
    void use(BlockRunner.Attention kind, int set, boolean again);
  }

  /**
   * The hidden stream as the first block's self-attention would see it: after the norm, shifted and
   * scaled by the time step. TeaCache decides by it.
   *
   * @return new ones, which the caller frees
   */
  Tokens modulatedInput();
}
