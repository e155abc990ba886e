// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Arrays;
import org.lvsa.kernels.TokenOrder;

/**
 * The tokens of one sequence: {@code frames · height · width} video tokens in raster order, token
 * {@code (t, y, x)} at index {@code (t · height + y) · width + x}, then {@code text} text tokens.
 *
 * @param frames latent frames, at least 1
 * @param height rows of patches per frame, at least 1
 * @param width patches per row, at least 1
 * @param text text tokens after the video tokens, at least 0
 */
public record TokenGrid(int frames, int height, int width, int text) {

  /**
   * @throws IllegalArgumentException if a size is out of range, or there are more than 2³¹ − 1
   *     tokens
   */
  public TokenGrid {
    Checks.atLeast("frames", frames, 1);
    Checks.atLeast("height", height, 1);
    Checks.atLeast("width", width, 1);
    Checks.atLeast("text", text, 0);
    if ((double) frames * height * width + text > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "a sequence holds at most 2^31-1 tokens, got "
              + frames
              + " frames of "
              + height
              + "x"
              + width
              + " patches and "
              + text
              + " text tokens");
    }
  }

  /** Tokens of one frame. */
  public int frameTokens() {
    return height * width;
  }

  /** Video tokens. */
  public int videoTokens() {
    return frames * frameTokens();
  }

  /** Video and text tokens. */
  public int tokens() {
    return videoTokens() + text;
  }

  /** The same video without text. */
  public TokenGrid withoutText() {
    return new TokenGrid(frames, height, width, 0);
  }

  /**
   * Patch after patch, all frames of a patch together: token {@code (t, p)} stands at {@code p ·
   * frames + t}. Text stays behind the video.
   */
  public TokenOrder patchMajor() {
    int[] source = new int[tokens()];
    Arrays.setAll(source, i -> i < videoTokens() ? i % frames * frameTokens() + i / frames : i);
    return new TokenOrder(source);
  }
}
