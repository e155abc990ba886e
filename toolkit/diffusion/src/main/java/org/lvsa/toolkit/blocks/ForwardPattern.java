// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blocks;

/**
 * What the blocks of a list take and give, numbered as Cache-DiT's forward patterns. <i>Hidden</i>
 * is the video's stream of tokens, <i>encoder</i> the text's.
 */
public enum ForwardPattern {
  /** Takes hidden and encoder, gives hidden, then encoder. */
  PATTERN_0(true, Gives.HIDDEN_ENCODER),
  /** Takes hidden and encoder, gives encoder, then hidden. */
  PATTERN_1(true, Gives.ENCODER_HIDDEN),
  /** Takes hidden and encoder, gives hidden. */
  PATTERN_2(true, Gives.HIDDEN),
  /** Takes hidden, gives hidden. */
  PATTERN_3(false, Gives.HIDDEN),
  /** Takes hidden, gives hidden, then encoder. */
  PATTERN_4(false, Gives.HIDDEN_ENCODER),
  /** Takes hidden, gives encoder, then hidden. */
  PATTERN_5(false, Gives.ENCODER_HIDDEN);

  /** What a block gives, in this order. */
  public enum Gives {
    HIDDEN,
    HIDDEN_ENCODER,
    ENCODER_HIDDEN
  }

  private final boolean takesEncoder;
  private final Gives gives;

  ForwardPattern(boolean takesEncoder, Gives gives) {
    this.takesEncoder = takesEncoder;
    this.gives = gives;
  }

  /** Whether a block is given the encoder stream. */
  public boolean takesEncoder() {
    return takesEncoder;
  }

  /** What a block gives. */
  public Gives gives() {
    return gives;
  }

  /**
   * Whether a block changes the encoder stream, so that skipping the block has to change it too.
   */
  public boolean changesEncoder() {
    return gives != Gives.HIDDEN;
  }
}
