// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.io.MalformedFileException;

/** Masks of Cache-DiT's policies, as its own code gives them. */
class StepMaskTest {
  @ParameterizedTest
  @CsvSource({
    "28, slow,   1111111101110011100110010001",
    "28, medium, 1111110110001100011000110001",
    "28, fast,   1111110100010000100000100001",
    "28, ultra,  1111001000001000000100000001",
    "50, slow,   11111111111111111111110011111000111110001110001101",
    "50, medium, 11111111111111110011100000111000001110000011100001",
    "50, fast,   11111111111001100000110000000110000000001100000001",
    "50, ultra,  11111110001100000000011000000000001100000000000001",
    "40, slow,   1111111111111001111100011111000110010001",
    "40, fast,   1111111111001100000110000001100000100001",
    "20, medium, 11111101100011000101",
    "20, fast,   11111101000000000001",
    "16, ultra,  1100000000000001",
    "12, fast,   111010010011",
    "9,  medium, 111110101",
    "8,  fast,   11101001",
    "6,  slow,   111001",
    "6,  ultra,  111001",
    "4,  medium, 1101"
  })
  void aPolicyGivesThePublishedMask(int steps, String policy, String mask) {
    assertEquals(mask, StepMask.of(StepMask.Policy.of(policy), steps).toString());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 7})
  void stepsThatNoPolicyHasAreRefused(int steps) {
    MalformedFileException e =
        assertThrows(MalformedFileException.class, () -> StepMask.of(StepMask.Policy.FAST, steps));
    assertTrue(
        e.getMessage().contains("got " + steps + ": choose 4, 6 or 8 steps"), e.getMessage());
  }

  @Test
  void everyLongerRunHasAMaskOfItsLengthWhoseLastStepIsComputed() {
    for (int steps = 8; steps < 200; steps++) {
      for (StepMask.Policy policy : StepMask.Policy.values()) {
        String mask = StepMask.of(policy, steps).toString();
        assertEquals(steps, mask.length(), policy + " " + steps);
        assertTrue(mask.startsWith("1") && mask.endsWith("1"), mask);
      }
    }
  }

  @Test
  void runsOfStepsAreWrittenOutAndMustLast() {
    assertEquals("1110100100", StepMask.of(List.of(3, 1, 1), List.of(1, 2, 5), 10).toString());
    assertThrows(MalformedFileException.class, () -> StepMask.of(List.of(1), List.of(1), 3));
    assertEquals(
        "unknown mask policy slw, the nearest is slow; known are slow, fast, ultra, medium",
        assertThrows(MalformedFileException.class, () -> StepMask.Policy.of("slw")).getMessage());
    assertThrows(MalformedFileException.class, () -> StepMask.parse("1102"));
  }
}
