// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.transformer;

/**
 * Runs the blocks of a forward pass on a device: all of them in turn, or as a step cache decides.
 */
@FunctionalInterface
public interface BlockLoop {
  /** Runs every block. */
  BlockLoop ALL =
      pass -> {
        for (int block = 0; block < pass.blocks(); block++) {
          pass.run(block);
        }
      };

  /** Which attention of a block. */
  enum Attention {
    /** Among the video's tokens, or those of video and text together. */
    SELF,
    /** From the video's tokens to text and pictures. */
    CROSS
  }

  /** Takes the stream of tokens through the blocks. */
  void run(Pass pass);

  /**
   * A forward pass between its embedding and its head. Besides the stream of tokens the device has
   * buffers of the same size, as many as the video was prepared with; what is in them stays there
   * from one pass to the next. They are numbered from 1, and 0 is the stream. Where blocks change
   * the text's tokens too, these are a part of the stream and of each buffer.
   */
  interface Pass {
    /** The stream's number. */
    int STREAM = 0;

    /** Number of blocks. */
    int blocks();

    /** Runs a block over the stream. */
    void run(int block);

    /**
     * {@code buffer = own · buffer + factor · other}. With {@code own = 0} the buffer's old numbers
     * do not matter, whatever they are.
     */
    void combine(int buffer, float own, int other, float factor);

    /**
     * Sums over the features of each of the video's tokens.
     *
     * @param every takes the features 0, {@code every}, {@code 2 · every} and so on
     * @return for each token the sum of absolute differences, then for each token the sum of
     *     absolute values in {@code earlier}
     */
    float[] changes(int earlier, int now, int every);

    /** Sets of kept outputs of attentions: one for each branch of guidance. */
    int OUTPUT_SETS = 2;

    /**
     * Says what becomes of an attention's outputs in the blocks that run from now on in this pass,
     * each block's for itself. Without it they are computed and not kept. The video was prepared
     * with room for them.
     *
     * @param set in which they are kept, from 0
     * @param again those that were kept last take the place of new ones; else new ones are kept
     */
    void outputs(Attention kind, int set, boolean again);

    /** For each token the sum of the squares of its features. */
    float[] squares(int buffer);
  }
}
