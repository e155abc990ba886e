// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;

import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;

class ArithmeticLimitTest {

  /** What is counted as arithmetic is really done: x after n rounds is x + n. */
  @Test
  void everyChainDoesEveryRound() {
    int lanes = FloatVector.SPECIES_PREFERRED.length();
    for (int rounds : new int[] {0, 1, 2, 5}) {
      double sum = 0;
      for (int chain = 0; chain < 12; chain++) {
        sum += 3 + chain + rounds;
      }
      assertEquals(lanes * sum, ArithmeticLimit.chains(rounds, 3), 1e-3);
    }
  }
}
