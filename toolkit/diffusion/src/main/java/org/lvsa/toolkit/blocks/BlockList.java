// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blocks;

import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The blocks of one run of a transformer whose blocks change their streams in place.
 *
 * @param name the list's name among the transformer's modules
 * @param size number of blocks
 * @param pattern what the blocks take and give
 * @param hidden the video's stream
 * @param encoder the text's stream
 * @param block runs the block of a number
 * @param modulated gives what the first block's self-attention would see, new ones
 */
public record BlockList(
    String name,
    int size,
    ForwardPattern pattern,
    Tokens hidden,
    Optional<Tokens> encoder,
    IntConsumer block,
    Supplier<Tokens> modulated)
    implements BlockSequence {
  /** As {@link #BlockList}, with streams that are tensors on the CPU. */
  public BlockList(
      String name,
      int size,
      ForwardPattern pattern,
      INDArray hidden,
      Optional<INDArray> encoder,
      IntConsumer block,
      Supplier<INDArray> modulated) {
    this(
        name,
        size,
        pattern,
        new ArrayTokens(hidden),
        encoder.map(ArrayTokens::new),
        block,
        () -> new ArrayTokens(modulated.get()));
  }

  @Override
  public void run(int number) {
    block.accept(number);
  }

  @Override
  public Tokens modulatedInput() {
    return modulated.get();
  }
}
