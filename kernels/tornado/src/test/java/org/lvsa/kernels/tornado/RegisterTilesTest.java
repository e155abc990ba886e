// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KeyRanges;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

class RegisterTilesTest {
  /** 50 patches take 64 columns, 5 text tokens 32. */
  private static final AttentionShape SHAPE = new AttentionShape(1, 3, 50, 5, 1, 1, 128);

  @BeforeEach
  void tornadoIsThere() {
    assumeTrue(new TornadoBackend().availability() instanceof Availability.Available);
  }

  @Test
  void runsAreColumns() {
    BlockSparseLayout layout =
        BlockSparseLayout.of(3, new int[] {0, 2, 3, 5}, new int[] {0, 2, 1, 0, 1});
    List<KeyRanges> groups = KeyRanges.of(SHAPE, layout);
    assertTrue(RegisterTiles.fits(SHAPE, groups));
    RegisterTiles tiles = RegisterTiles.allocate(SHAPE);
    tiles.fill(SHAPE, groups);
    assertEquals(4, RegisterTiles.count(SHAPE));
    assertArrayEquals(
        new int[] {
          0, 50, 0, 2, 105, 0,
          50, 50, 2, 4, 55, 64,
          100, 50, 4, 6, 105, 128,
          150, 5, 6, 7, 155, 192
        },
        numbers(tiles.tiles(), 24));
    assertArrayEquals(
        // Frame 2 and the text behind it are one run.
        new int[] {0, 2, 128, 3, 64, 2, 192, 1, 0, 4, 192, 1, 0, 7}, numbers(tiles.runs(), 14));
  }

  @Test
  void aRunThatEndsWithinAFrameDoesNotFit() {
    assertTrue(
        RegisterTiles.fits(SHAPE, List.of(new KeyRanges(0, 155, new int[] {50}, new int[] {105}))));
    assertFalse(
        RegisterTiles.fits(SHAPE, List.of(new KeyRanges(0, 155, new int[] {50}, new int[] {49}))));
    assertFalse(
        RegisterTiles.fits(SHAPE, List.of(new KeyRanges(0, 155, new int[] {49}, new int[] {51}))));
    assertFalse(
        RegisterTiles.fits(SHAPE, List.of(new KeyRanges(0, 155, new int[] {150}, new int[] {4}))));
  }

  private static int[] numbers(IntArray array, int count) {
    int[] numbers = new int[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = array.get(i);
    }
    return numbers;
  }
}
