// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blocks;

import java.util.Set;
import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Runs the blocks of a transformer: all of them in turn, or as a step cache decides. */
public interface BlockRunner {
  /** Runs every block, which is what a transformer does by itself. */
  BlockRunner ALL =
      blocks -> {
        for (int block = 0; block < blocks.size(); block++) {
          blocks.run(block);
        }
      };

  /** Takes the streams of a list through its blocks. */
  void run(BlockSequence blocks);

  /**
   * Copies of the size of a stream that it keeps at most, of one transformer: a device has to have
   * room for them.
   */
  default int keeps() {
    return 0;
  }

  /**
   * Attentions of which it keeps each block's output, of two branches of guidance: a device has to
   * have room for them.
   */
  default Set<Attention> keepsOutputs() {
    return Set.of();
  }

  /** Whether a device keeps anything for it, which then is of one text's tokens alone. */
  default boolean keepsTokens() {
    return keeps() > 0 || !keepsOutputs().isEmpty();
  }

  /** Which attention of a block. */
  enum Attention {
    /** Among the video's tokens, or those of video and text together. */
    SELF,
    /** From the video's tokens to the text. */
    CROSS
  }

  /**
   * Runs one attention of a block, with its projections.
   *
   * @param kind which one
   * @param layer the block's number, counted over all lists of the transformer
   * @param compute computes it
   * @return what {@code compute} gives, or a copy of what it gave earlier; the caller frees it
   */
  default INDArray attention(Attention kind, int layer, Supplier<INDArray> compute) {
    return compute.get();
  }
}
