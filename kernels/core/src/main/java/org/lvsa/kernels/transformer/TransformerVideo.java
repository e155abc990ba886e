// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.transformer;

import java.util.Set;
import org.lvsa.kernels.AttentionShape;

/**
 * The video that a transformer's buffers are made for, and what comes with it.
 *
 * @param frames frames of patches
 * @param rows rows of patches
 * @param columns columns of patches
 * @param told what the transformer is told
 * @param kept buffers of the size of the stream of tokens beside it, see {@link BlockLoop.Pass}
 * @param outputs attentions of which each block's output may be kept, see {@link
 *     BlockLoop.Pass#outputs}
 */
public record TransformerVideo(
    int frames, int rows, int columns, Told told, int kept, Set<BlockLoop.Attention> outputs) {
  /**
   * What a transformer is told of a video.
   *
   * @param textTokens tokens of the text, padding included; where they attend together with the
   *     video's, the most that a text may have
   * @param pictureTokens tokens of pictures; 0 without
   * @param timesteps 1, or as many as frames where each has its own time step
   */
  public record Told(int textTokens, int pictureTokens, int timesteps) {}

  /** Without buffers beside the stream. */
  public TransformerVideo(int frames, int rows, int columns, Told told) {
    this(frames, rows, columns, told, 0, Set.of());
  }

  /** This video with that many buffers beside the stream. */
  public TransformerVideo withKept(int buffers) {
    return new TransformerVideo(frames, rows, columns, told, buffers, outputs);
  }

  /** This video with room for the outputs of those attentions. */
  public TransformerVideo withOutputs(Set<BlockLoop.Attention> kinds) {
    return new TransformerVideo(frames, rows, columns, told, kept, kinds);
  }

  /** Whether what was made for this video does for another one too: it may have more room. */
  public boolean serves(TransformerVideo other) {
    return kept >= other.kept
        && outputs.containsAll(other.outputs)
        && withKept(other.kept).withOutputs(other.outputs).equals(other);
  }

  /** A video of a text alone, with one time step for all frames. */
  public TransformerVideo(int frames, int rows, int columns, int textTokens) {
    this(frames, rows, columns, new Told(textTokens, 0, 1));
  }

  /** As this one, with another number of frames. */
  public TransformerVideo withFrames(int other) {
    return new TransformerVideo(
        other,
        rows,
        columns,
        told.timesteps == 1 ? told : new Told(told.textTokens, told.pictureTokens, other),
        kept,
        outputs);
  }

  /** Tokens of the video that share a time step. */
  public int tokensPerTimestep() {
    return tokens() / told.timesteps;
  }

  /** Tokens of the video. */
  public int tokens() {
    return Math.multiplyExact(frames, patches());
  }

  /** Tokens of a frame. */
  public int patches() {
    return Math.multiplyExact(rows, columns);
  }

  /** Tokens of the text that attend together with the video's, at most. */
  public int jointTokens(TransformerShape shape) {
    return shape.blocks().joint() ? told.textTokens : 0;
  }

  /** Tokens of the stream that begins with the video's. */
  public int streamTokens(TransformerShape shape) {
    return Math.addExact(tokens(), shape.blocks().oneStream() ? told.textTokens : 0);
  }

  /** The self-attention of the video's tokens, and of the text's where they attend together. */
  public AttentionShape selfAttention(TransformerShape shape) {
    return new AttentionShape(
        1, frames, patches(), jointTokens(shape), shape.heads(), shape.heads(), shape.headDim());
  }
}
