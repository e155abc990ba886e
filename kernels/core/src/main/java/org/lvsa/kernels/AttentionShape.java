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
 * @param latentFrames frames of the video as the model sees it, {@code T}; at least 1
 * @param patchesPerFrame tokens of one latent frame, {@code P}; at least 1
 * @param textTokens text tokens, which stand after the video tokens; at least 0
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

  /** The same attention with another number of text tokens. */
  public AttentionShape withText(int tokens) {
    return new AttentionShape(
        batch, latentFrames, patchesPerFrame, tokens, heads, kvHeads, headDim);
  }

  /** Number of tokens of one sequence, video and text. */
  public int tokens() {
    return videoTokens() + textTokens;
  }

  /** Number of video tokens of one sequence: {@code latentFrames · patchesPerFrame}. */
  public int videoTokens() {
    return latentFrames * patchesPerFrame;
  }

  /** Number of query heads that share one key/value head. */
  public int headsPerKvHead() {
    return heads / kvHeads;
  }

  /** The softmax scale, {@code 1/√headDim}. */
  public double scale() {
    return 1.0 / Math.sqrt(headDim);
  }

  /** Number of elements of the query, and of the output. */
  public long queryElements() {
    return (long) batch * tokens() * heads * headDim;
  }

  /** Number of elements of the key, and of the value. */
  public long keyElements() {
    return (long) batch * tokens() * kvHeads * headDim;
  }

  /** Number of elements of the log-sum-exp output, {@code [batch, tokens, heads]}. */
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
   * Number of floating-point operations of one attention with this shape: {@code 4 · headDim} per
   * query head and (query, key) pair, two per element for the score and two for the weighted sum.
   * Exponentials are not counted, as is usual for attention.
   */
  public double flops(BlockSparseLayout layout) {
    double pairs = 0;
    for (int head = 0; head < layout.heads(); head++) {
      pairs += layout.attendedPairs(this, head);
    }
    // A layout has one matrix for all heads, or one per head.
    return 4.0 * (pairs / layout.heads()) * headDim * heads * batch;
  }
}
