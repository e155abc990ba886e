// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.KeyRanges;

/**
 * Where the token of a head stands in the blocks of {@link BlockedLayouts}. Tokens are divided into
 * stretches; each starts at a multiple of {@link RegisterKernels#KEYS} columns, and the columns
 * between its end and the next stretch are padding. Tiles of keys start at such multiples, so that
 * a run of keys has to begin and end there, or at the end of a stretch.
 *
 * @param length tokens of a stretch
 * @param stretches number of stretches
 * @param rest tokens of one more stretch behind them, the text; 0 if there is none
 */
record Columns(int length, int stretches, int rest) {

  /** Every frame is a stretch, and so is the text: for layouts of frames. */
  static Columns ofFrames(AttentionShape shape) {
    return new Columns(shape.patchesPerFrame(), shape.latentFrames(), shape.textTokens());
  }

  /** The whole sequence is one stretch: for layouts of token blocks. */
  static Columns ofTokens(AttentionShape shape) {
    return new Columns(shape.tokens(), 1, 0);
  }

  private static int padded(int tokens) {
    return Math.ceilDiv(tokens, RegisterKernels.KEYS) * RegisterKernels.KEYS;
  }

  /** Number of columns of a stretch. */
  int paddedLength() {
    return padded(length);
  }

  /** Number of columns of the equal stretches, which is where the rest starts. */
  int paddedStretches() {
    return Math.multiplyExact(stretches, paddedLength());
  }

  /** Number of tokens of the equal stretches. */
  int stretchTokens() {
    return stretches * length;
  }

  /** Number of columns of a head. */
  int count() {
    return Math.addExact(paddedStretches(), padded(rest));
  }

  /** The column of a token. */
  int column(int token) {
    if (token >= stretchTokens()) {
      return paddedStretches() + token - stretchTokens();
    }
    return token / length * paddedLength() + token % length;
  }

  /** The column where a run that ends before a token ends, padding included. */
  int end(int token) {
    return column(token - 1) / RegisterKernels.KEYS * RegisterKernels.KEYS + RegisterKernels.KEYS;
  }

  /** Whether all runs of a group consist of whole tiles of keys, and none has a band. */
  boolean fits(KeyRanges group) {
    if (group.hasBands()) {
      return false;
    }
    for (int i = 0; i < group.keyStarts().length; i++) {
      int start = group.keyStarts()[i];
      int end = start + group.keyCounts()[i];
      if (!isEdge(start) || end != stretchTokens() + rest && !isEdge(end)) {
        return false;
      }
    }
    return true;
  }

  /** Whether the first query of a group is the first token of a stretch. */
  boolean startsStretch(KeyRanges group) {
    int token = group.firstQuery();
    return token == stretchTokens() || token < stretchTokens() && token % length == 0;
  }

  private boolean isEdge(int token) {
    int within = token < stretchTokens() ? token % length : token - stretchTokens();
    return within % RegisterKernels.KEYS == 0;
  }
}
