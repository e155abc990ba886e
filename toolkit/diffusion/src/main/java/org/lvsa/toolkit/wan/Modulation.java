// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.math.BigInteger;
import java.util.Arrays;
import org.lvsa.toolkit.parallel.TokenRange;

/**
 * Shifts, scales and gates that a time step gives to a block or to the output head: a learned table
 * plus a part that depends on the time step.
 */
final class Modulation {
  private final float[] table;
  private final int width;

  /**
   * @param table rows of the width, flat
   * @param width features of a token
   */
  Modulation(float[] table, int width) {
    this.table = table;
    this.width = width;
  }

  /** One row for each time step; {@code time} has as many rows as the table. */
  float[][] row(int row, float[][] time) {
    return sum(row, time, row);
  }

  /** One row for each time step, where {@code time} is one row that all rows share. */
  float[][] rowOfShared(int row, float[][] time) {
    return sum(row, time, 0);
  }

  /** {@code 1 + scale}, which a norm takes as its weight. */
  static float[][] onePlus(float[][] scale) {
    for (float[] element : scale) {
      for (int i = 0; i < element.length; i++) {
        element[i] += 1;
      }
    }
    return scale;
  }

  /**
   * Rows of latent frames as rows of one rank's tokens: one for each piece of as many tokens as
   * divide both a frame and the rank's part.
   *
   * @param frames a row per latent frame
   */
  static float[][] ofTokens(float[][] frames, TokenRange tokens) {
    int perFrame = tokens.whole() / frames.length;
    int piece = BigInteger.valueOf(perFrame).gcd(BigInteger.valueOf(tokens.count())).intValue();
    float[][] rows = new float[tokens.count() / piece][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = frames[tokens.token(i * piece) / perFrame];
    }
    return rows;
  }

  private float[][] sum(int row, float[][] time, int timeRow) {
    float[][] out = new float[time.length][];
    for (int element = 0; element < time.length; element++) {
      out[element] = Arrays.copyOfRange(time[element], timeRow * width, (timeRow + 1) * width);
      for (int i = 0; i < width; i++) {
        out[element][i] += table[row * width + i];
      }
    }
    return out;
  }
}
