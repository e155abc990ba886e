// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

/**
 * The sizes of one self-attention over a video: {@code latentFrames · patchesPerFrame} video
 * tokens, frame by frame, then {@code textTokens} text tokens.
 *
 * <p>Query and output are {@code [batch, tokens, heads, headDim]}; key and value are {@code [batch,
 * tokens, kvHeads, headDim]}, where each group of {@code heads / kvHeads} consecutive query heads
 * shares one key/value head (GQA).
 *
 * @param batch independent sequences, at least 1
 * @param latentFrames {@code T}, at least 1
 * @param patchesPerFrame {@code P}, at least 1
 * @param textTokens tokens after the video tokens, at least 0
 * @param heads query heads, a multiple of {@code kvHeads}
 * @param kvHeads key/value heads, at least 1
 * @param headDim elements of one head's vector, at least 1
 */
public record AttentionShape(
    int batch,
    int latentFrames,
    int patchesPerFrame,
    int textTokens,
    int heads,
    int kvHeads,
    int headDim) {

  /**
   * @throws IllegalArgumentException if a size is out of range, if heads are no multiple of
   *     kvHeads, if a sequence has more than 2³¹ − 1 tokens, or if the query has more than 2⁶⁰ − 1
   *     elements
   */
  public AttentionShape {
    atLeast("batch", batch, 1);
    atLeast("latentFrames", latentFrames, 1);
    atLeast("patchesPerFrame", patchesPerFrame, 1);
    atLeast("textTokens", textTokens, 0);
    atLeast("heads", heads, 1);
    atLeast("kvHeads", kvHeads, 1);
    atLeast("headDim", headDim, 1);
    if (heads % kvHeads != 0) {
      throw new IllegalArgumentException(
          "heads must be a multiple of kvHeads, got heads=" + heads + " kvHeads=" + kvHeads);
    }
    if ((long) latentFrames * patchesPerFrame + textTokens > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "a sequence holds at most 2^31-1 tokens, got latentFrames="
              + latentFrames
              + " patchesPerFrame="
              + patchesPerFrame
              + " textTokens="
              + textTokens);
    }
    long tokens = (long) latentFrames * patchesPerFrame + textTokens;
    long vectors = tokens * batch;
    long width = (long) heads * headDim;
    // So that every count of elements, and of their bytes, fits a long.
    if (Math.multiplyHigh(vectors, width) != 0
        || vectors * width < 0
        || vectors * width >> 60 != 0) {
      throw new IllegalArgumentException(
          "query holds at most 2^60-1 elements, got batch="
              + batch
              + " tokens="
              + tokens
              + " heads="
              + heads
              + " headDim="
              + headDim);
    }
  }

  private static void atLeast(String name, int value, int least) {
    if (value < least) {
      throw new IllegalArgumentException(name + " must be at least " + least + ", got " + value);
    }
  }

  /** Tokens of one sequence, video and text. */
  public int tokens() {
    return videoTokens() + textTokens;
  }

  /** Video tokens of one sequence: {@code latentFrames · patchesPerFrame}. */
  public int videoTokens() {
    return latentFrames * patchesPerFrame;
  }

  /** Query heads that share one key/value head. */
  public int headsPerKvHead() {
    return heads / kvHeads;
  }

  /** The softmax scale, {@code 1/√headDim}. */
  public double scale() {
    return 1.0 / Math.sqrt(headDim);
  }

  /** Elements of query and of the output. */
  public long queryElements() {
    return (long) batch * tokens() * heads * headDim;
  }

  /** Elements of key and of value. */
  public long keyElements() {
    return (long) batch * tokens() * kvHeads * headDim;
  }

  /** Elements of the log-sum-exp output, {@code [batch, tokens, heads]}. */
  public long logSumExpElements() {
    return (long) batch * tokens() * heads;
  }

  /** Index of the first element of a query (or output) vector. */
  public long queryOffset(int sequence, int token, int head) {
    return (((long) sequence * tokens() + token) * heads + head) * headDim;
  }

  /** Index of the first element of the key (or value) vector that query head {@code head} reads. */
  public long keyOffset(int sequence, int token, int head) {
    return (((long) sequence * tokens() + token) * kvHeads + head / headsPerKvHead()) * headDim;
  }

  /**
   * Floating-point operations of one attention with this shape: {@code 4 · headDim} (two for the
   * score, two for the weighted sum) for each (query, key) pair and query head.
   */
  public double flops(BlockSparseLayout layout) {
    double pairs =
        (double) layout.attended() * patchesPerFrame * patchesPerFrame
            + (double) videoTokens() * textTokens
            + (double) textTokens * tokens();
    return 4.0 * pairs * headDim * heads * batch;
  }
}
