// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class RiflexTest {
  /** Wan's temporal frequencies: 22 of 44 elements, theta 10000. */
  private static double[] temporal() {
    double[] frequencies = new double[22];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = Math.pow(10000, -2.0 * i / 44);
    }
    return frequencies;
  }

  @Test
  void scaleOneChangesNothing() {
    assertArrayEquals(temporal(), Riflex.frequencies(temporal(), 21, 1));
  }

  @Test
  void onlyTheIntrinsicFrequencyIsSlowed() {
    double[] before = temporal();
    double[] after = Riflex.frequencies(before, 21, 4);
    int intrinsic = Riflex.intrinsic(before, 21);
    for (int i = 0; i < before.length; i++) {
      double expected = i == intrinsic ? 2 * Math.PI / 84 : before[i];
      assertEquals(expected, after[i], 1e-15, "frequency " + i);
    }
    // 10000^(-6/44) has a period of 22 frames, its neighbours 14.5 and 33.5.
    assertEquals(3, intrinsic);
  }

  @Test
  void aScaleBelowOneIsRefused() {
    assertEquals(
        "scale must be at least 1, got 0.5",
        assertThrows(IllegalArgumentException.class, () -> Riflex.frequencies(temporal(), 21, 0.5))
            .getMessage());
  }
}
