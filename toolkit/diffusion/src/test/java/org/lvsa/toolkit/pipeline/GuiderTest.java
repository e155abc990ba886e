// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Guidance's options as diffusers' guider has them. */
class GuiderTest {
  @ParameterizedTest
  @CsvSource({"0, false", "0.7, false", "1, false", "0, true", "0.35, true"})
  void predictionsAreCombinedAsTheFormulasSay(double rescale, boolean original) {
    long seed = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    double scale = random.nextDouble(1.5, 8);
    int count = 3 * 5 * 7;
    float[] cond = new float[count];
    float[] uncond = new float[count];
    double[] expected = new double[count];
    for (int i = 0; i < count; i++) {
      cond[i] = (float) random.nextDouble(-2, 3);
      uncond[i] = (float) random.nextDouble(-1, 2);
      expected[i] = (original ? cond[i] : uncond[i]) + scale * (cond[i] - (double) uncond[i]);
    }
    double wanted =
        deviation(IntStream.range(0, count).mapToDouble(i -> cond[i]).toArray())
            / deviation(expected);
    for (int i = 0; i < count; i++) {
      expected[i] = rescale * expected[i] * wanted + (1 - rescale) * expected[i];
    }
    Guider guider = new Guider(rescale, 0, 1, original);
    try (INDArray one = NdMemory.copy(MemorySegment.ofArray(cond), 1, 3, 5, 7);
        INDArray other = NdMemory.copy(MemorySegment.ofArray(uncond), 1, 3, 5, 7);
        INDArray guided = guider.combine(one, other, scale)) {
      float[] actual = NdMemory.floats(guided);
      for (int i = 0; i < count; i++) {
        assertEquals(expected[i], actual[i], 2e-5, "seed " + seed);
      }
      assertArrayEquals(cond, NdMemory.floats(one), "inputs are not changed");
    }
  }

  /** Over all values, about their mean, with one less than their number below. */
  private static double deviation(double[] values) {
    double mean = 0;
    for (double value : values) {
      mean += value / values.length;
    }
    double squares = 0;
    for (double value : values) {
      squares += Math.pow(value - mean, 2);
    }
    return Math.sqrt(squares / (values.length - 1));
  }

  /** The steps that the published guider guides, by its rule: shares of the steps rounded down. */
  @ParameterizedTest
  @CsvSource({
    "0, 1, 4, 0 1 2 3",
    "0.2, 0.85, 5, 1 2 3",
    "0.5, 0.5, 6, ''",
    "0, 0.65, 5, 0 1 2",
    "0.99, 1, 50, 49"
  })
  void shareOfTheStepsAreGuided(double start, double stop, int steps, String guided) {
    Guider guider = new Guider(0, start, stop, false);
    List<String> expected = guided.isEmpty() ? List.of() : List.of(guided.split(" "));
    assertEquals(
        expected,
        IntStream.range(0, steps)
            .filter(step -> guider.guides(6, step, steps))
            .mapToObj(Integer::toString)
            .toList());
  }

  @Test
  void oneScaleChangesNothing() {
    assertFalse(Guider.PLAIN.isOn(1));
    assertTrue(Guider.PLAIN.isOn(0.5));
    assertTrue(Guider.PLAIN.isOn(0));
    Guider original = new Guider(0, 0, 1, true);
    assertFalse(original.isOn(0));
    assertTrue(original.isOn(1));
    GuidanceSettings half = new GuidanceSettings(0.5, false);
    assertFalse(half.on(), "without a guider guidance is on above 1 alone");
    assertTrue(half.withGuider(Guider.PLAIN).on(0, 3));
  }

  @ParameterizedTest
  @CsvSource({
    "1.1, 0, 1, guidance rescale must be from 0 to 1",
    "NaN, 0, 1, guidance rescale must be from 0 to 1",
    "0, 1, 1, guidance start must be at least 0 and below 1",
    "0, 0.5, 0.4, guidance stop must be from the start",
    "0, 0, 1.5, guidance stop must be from the start"
  })
  void whatIsNotInOrderIsRefused(double rescale, double start, double stop, String message) {
    String said =
        assertThrows(IllegalArgumentException.class, () -> new Guider(rescale, start, stop, false))
            .getMessage();
    assertTrue(said.startsWith(message), said);
  }

  @Test
  void whatIsAskedForGoesBeforeTheModelsOwn() {
    Guider own = new Guider(0.3, 0.1, 0.9, true);
    assertEquals(Optional.of(own), GuiderWish.NONE.over(Optional.of(own)));
    assertEquals(Optional.empty(), GuiderWish.NONE.over(Optional.empty()));
    GuiderWish wish =
        new GuiderWish(
            OptionalDouble.of(0.6),
            OptionalDouble.empty(),
            OptionalDouble.of(0.5),
            Optional.of(false));
    assertEquals(new Guider(0.6, 0.1, 0.5, false), wish.over(Optional.of(own)).orElseThrow());
    GuiderWish early =
        new GuiderWish(
            OptionalDouble.empty(),
            OptionalDouble.empty(),
            OptionalDouble.of(0.05),
            Optional.empty());
    assertThrows(IllegalArgumentException.class, () -> early.over(Optional.of(own)));
  }
}
