// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RotaryEmbeddingTest {
  private static final PatchGrid GRID = new PatchGrid(3, 4);

  private static RotaryEmbedding of(String model) {
    ModelGeometry geometry = Models.named(model);
    return new RotaryEmbedding(geometry.ropeAxes(), geometry.ropeTheta());
  }

  private static float[] random(int length) {
    SplittableRandom random = new SplittableRandom(length);
    float[] numbers = new float[length];
    for (int i = 0; i < length; i++) {
      numbers[i] = (float) random.nextGaussian();
    }
    return numbers;
  }

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, 44, 42, 42",
    "wan2.2-ti2v-5b, 44, 42, 42",
    "hunyuanvideo-1.5, 16, 56, 56",
    "cogvideox-5b, 16, 24, 24",
    "cogvideox1.5-5b, 16, 24, 24"
  })
  void headDimIsSplitAsThePublishedModelsDo(String model, int time, int height, int width) {
    assertEquals(List.of(time, height, width), Models.named(model).ropeAxes());
    assertEquals(Models.named(model).headDim(), of(model).headDim());
    assertEquals(time / 2, of(model).temporal().length);
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan2.1-1.3b", "hunyuanvideo-1.5", "cogvideox-5b"})
  void theFirstTokenIsNotTurned(String model) {
    RotaryEmbedding rotary = of(model);
    float[] token = random(rotary.headDim());
    float[] turned = token.clone();
    rotary.rotate(turned, 1, GRID, 0);
    assertArrayEquals(token, turned);
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan2.1-1.3b", "hunyuanvideo-1.5", "cogvideox-5b"})
  void lengthsAreKept(String model) {
    RotaryEmbedding rotary = of(model);
    float[] tokens = random(rotary.headDim() * 30);
    float[] turned = tokens.clone();
    rotary.rotate(turned, 1, GRID, 0);
    for (int at = 0; at < tokens.length; at += 2) {
      assertEquals(
          Math.hypot(tokens[at], tokens[at + 1]), Math.hypot(turned[at], turned[at + 1]), 1e-4);
    }
    assertFalse(Arrays.equals(tokens, turned));
  }

  @ParameterizedTest
  @CsvSource({
    // token, frame, row, column on a grid of 3x4
    "0, 0, 0, 0",
    "1, 0, 0, 1",
    "4, 0, 1, 0",
    "11, 0, 2, 3",
    "12, 1, 0, 0",
    "29, 2, 1, 1"
  })
  void aTokenTurnsByItsFrameRowAndColumn(int token, int frame, int row, int column) {
    RotaryEmbedding rotary = new RotaryEmbedding(List.of(4, 6, 2), 100);
    float[] vector = random(12);
    float[] tokens = new float[30 * 12];
    System.arraycopy(vector, 0, tokens, token * 12, 12);
    rotary.rotate(tokens, 1, GRID, 0);
    RotaryEmbedding.apply(vector, rotary.at(frame, row, column));
    assertArrayEquals(vector, Arrays.copyOfRange(tokens, token * 12, token * 12 + 12));
  }

  @Test
  void pairsAreNeighbours() {
    RotaryEmbedding rotary = new RotaryEmbedding(List.of(4, 2, 2), 100);
    float[] turns = rotary.at(3, 1, 2);
    double[] angles = {3, 3 * Math.pow(100, -0.5), 1, 2};
    float[] vector = {1, 0, 1, 0, 1, 0, 1, 0};
    RotaryEmbedding.apply(vector, turns);
    for (int pair = 0; pair < 4; pair++) {
      assertEquals(Math.cos(angles[pair]), vector[2 * pair], 1e-6);
      assertEquals(Math.sin(angles[pair]), vector[2 * pair + 1], 1e-6);
    }
  }

  @Test
  void everyHeadOfATokenTurnsAlike() {
    RotaryEmbedding rotary = new RotaryEmbedding(List.of(4, 4, 4), 100);
    float[] one = random(12);
    float[] three = new float[36];
    for (int head = 0; head < 3; head++) {
      System.arraycopy(one, 0, three, head * 12, 12);
    }
    rotary.rotate(one, 1, GRID, 17);
    rotary.rotate(three, 3, GRID, 17);
    for (int head = 0; head < 3; head++) {
      assertArrayEquals(one, Arrays.copyOfRange(three, head * 12, head * 12 + 12));
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 60", "0, 1", "12, 24", "7, 19", "59, 60", "15, 45"})
  void aPartOfTheTokensTurnsAsInTheWhole(int first, int end) {
    RotaryEmbedding rotary = of("cogvideox-5b");
    int row = 2 * rotary.headDim();
    float[] whole = random(60 * row);
    float[] part = Arrays.copyOfRange(whole, first * row, end * row);
    rotary.rotate(whole, 2, GRID, 0);
    rotary.rotate(part, 2, GRID, first);
    assertArrayEquals(Arrays.copyOfRange(whole, first * row, end * row), part);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6})
  void allRanksTogetherCoverTheSequence(int world) {
    RotaryEmbedding rotary = new RotaryEmbedding(List.of(4, 4, 4), 100);
    float[] whole = random(60 * 12);
    float[] joined = whole.clone();
    rotary.rotate(whole, 1, GRID, 0);
    int part = 60 / world;
    for (int rank = 0; rank < world; rank++) {
      float[] shard = Arrays.copyOfRange(joined, rank * part * 12, (rank + 1) * part * 12);
      rotary.rotate(shard, 1, GRID, (long) rank * part);
      System.arraycopy(shard, 0, joined, rank * part * 12, shard.length);
    }
    assertArrayEquals(whole, joined);
  }

  @Test
  void scoresDependOnDistancesAlone() {
    RotaryEmbedding rotary = new RotaryEmbedding(List.of(4, 4, 4), 100);
    float[] q = random(12);
    float[] k = random(12);
    assertEquals(
        dot(turned(rotary, q, 5, 2, 1), turned(rotary, k, 3, 1, 1)),
        dot(turned(rotary, q, 9, 2, 3), turned(rotary, k, 7, 1, 3)),
        1e-5);
  }

  private static float[] turned(RotaryEmbedding rotary, float[] x, int frame, int row, int column) {
    float[] copy = x.clone();
    RotaryEmbedding.apply(copy, rotary.at(frame, row, column));
    return copy;
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  // ---- RIFLEx

  @ParameterizedTest
  @CsvSource({
    // model, index of the frequency whose period is nearest the horizon
    "wan2.1-1.3b, 3",
    "wan2.2-ti2v-5b, 4",
    "hunyuanvideo-1.5, 2",
    "cogvideox-5b, 0",
    "cogvideox1.5-5b, 0"
  })
  void theIntrinsicFrequencyOfEachModel(String model, int index) {
    double[] temporal = of(model).temporal();
    int horizon = Models.named(model).referenceFrames();
    assertEquals(index, Riflex.intrinsic(temporal, horizon));
    double nearest = Math.abs(2 * Math.PI / temporal[index] - horizon);
    for (double frequency : temporal) {
      assertTrue(nearest <= Math.abs(2 * Math.PI / frequency - horizon));
    }
  }

  @ParameterizedTest
  @CsvSource({"wan2.1-1.3b, 2", "wan2.1-1.3b, 4", "hunyuanvideo-1.5, 2.5", "cogvideox-5b, 3"})
  void itsPeriodBecomesTheLongerVideo(String model, double scale) {
    int horizon = Models.named(model).referenceFrames();
    double[] before = of(model).temporal();
    double[] after = of(model).riflex(horizon, scale).temporal();
    int index = Riflex.intrinsic(before, horizon);
    for (int i = 0; i < before.length; i++) {
      assertEquals(
          i == index ? 2 * Math.PI / (horizon * scale) : before[i], after[i], 1e-15, "pair " + i);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan2.1-1.3b", "hunyuanvideo-1.5", "cogvideox-5b"})
  void scaleOneChangesNothing(String model) {
    RotaryEmbedding same = of(model).riflex(Models.named(model).referenceFrames(), 1);
    assertArrayEquals(of(model).at(9, 4, 7), same.at(9, 4, 7));
  }

  @Test
  void onlyTimeIsSlowed() {
    RotaryEmbedding plain = of("wan2.1-1.3b");
    RotaryEmbedding slowed = plain.riflex(21, 4);
    float[] before = plain.at(50, 11, 13);
    float[] after = slowed.at(50, 11, 13);
    for (int i = 0; i < before.length; i++) {
      boolean changed = i / 2 == 3;
      assertEquals(changed, before[i] != after[i], "element " + i);
    }
    assertArrayEquals(plain.at(0, 11, 13), slowed.at(0, 11, 13));
  }

  @Test
  void theOriginalStaysAsItWas() {
    RotaryEmbedding plain = of("wan2.1-1.3b");
    double[] before = plain.temporal();
    plain.riflex(21, 4);
    plain.temporal()[0] = 99;
    assertArrayEquals(before, plain.temporal());
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.99, 0, -1, Double.NaN})
  void aScaleBelowOneIsRefused(double scale) {
    assertEquals(
        "scale must be at least 1, got " + scale,
        assertThrows(IllegalArgumentException.class, () -> of("wan2.1-1.3b").riflex(21, scale))
            .getMessage());
  }
}
