// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blocks;

import java.util.Optional;
import java.util.function.IntConsumer;

/**
 * The same blocks and streams with another way to run one block, for whoever does something before
 * or after each.
 *
 * @param blocks the blocks and their streams
 * @param one runs the block of a number, as {@link BlockSequence#run} does
 * @param outputs keeps outputs of their attentions
 */
public record BlocksWith(BlockSequence blocks, IntConsumer one, Optional<Outputs> outputs)
    implements BlockSequence {
  /** With another way to run one block alone. */
  public BlocksWith(BlockSequence blocks, IntConsumer one) {
    this(blocks, one, blocks.outputs());
  }

  @Override
  public String name() {
    return blocks.name();
  }

  @Override
  public int size() {
    return blocks.size();
  }

  @Override
  public ForwardPattern pattern() {
    return blocks.pattern();
  }

  @Override
  public void run(int block) {
    one.accept(block);
  }

  @Override
  public Tokens hidden() {
    return blocks.hidden();
  }

  @Override
  public Optional<Tokens> encoder() {
    return blocks.encoder();
  }

  @Override
  public Tokens modulatedInput() {
    return blocks.modulatedInput();
  }
}
