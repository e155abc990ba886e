// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Problems drawn at random, for tests of every backend. */
public final class RandomProblem {
  private RandomProblem() {}

  /** Standard normal q, k and v; each frame attends to itself and to each other with the odds. */
  public static AttentionProblem draw(
      AttentionShape shape, DType dtype, double odds, double scoreScale, long seed, Arena arena) {
    SplittableRandom random = new SplittableRandom(seed);
    BlockSparseLayout layout = layout(shape.latentFrames(), odds, random);
    return new AttentionProblem(
        new AttentionInputs(
            shape,
            dtype,
            normal(shape.queryElements(), dtype, scoreScale, random, arena),
            normal(shape.keyElements(), dtype, 1, random, arena),
            normal(shape.keyElements(), dtype, 1, random, arena)),
        layout);
  }

  /** A random layout whose rows hold their own frame. */
  public static BlockSparseLayout layout(int frames, double odds, SplittableRandom random) {
    int[] indptr = new int[frames + 1];
    List<Integer> indices = new ArrayList<>();
    for (int row = 0; row < frames; row++) {
      for (int column = 0; column < frames; column++) {
        if (row == column || random.nextDouble() < odds) {
          indices.add(column);
        }
      }
      indptr[row + 1] = indices.size();
    }
    return BlockSparseLayout.of(
        frames, indptr, indices.stream().mapToInt(Integer::intValue).toArray());
  }

  /**
   * Blocks of random sizes, some of them empty, of which each pair is attended to with the odds.
   */
  public static TokenBlocks ragged(int tokens, double odds, SplittableRandom random) {
    int[] querySizes = sizes(tokens, random);
    int[] keySizes = sizes(tokens, random);
    return TokenBlocks.of(
        querySizes, keySizes, rows(querySizes.length, keySizes.length, odds, random));
  }

  private static int[] sizes(int tokens, SplittableRandom random) {
    List<Integer> sizes = new ArrayList<>();
    for (int left = tokens; left > 0; left -= sizes.getLast()) {
      sizes.add(random.nextInt(Math.min(left, 50) + 1));
    }
    return sizes.stream().mapToInt(Integer::intValue).toArray();
  }

  /** Each row attends to each column with the odds; a row may attend to nothing. */
  public static BlockRows rows(int rows, int columns, double odds, SplittableRandom random) {
    int[] indptr = new int[rows + 1];
    List<Integer> indices = new ArrayList<>();
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        if (random.nextDouble() < odds) {
          indices.add(column);
        }
      }
      indptr[row + 1] = indices.size();
    }
    return BlockRows.of(columns, indptr, indices.stream().mapToInt(Integer::intValue).toArray());
  }

  private static MemorySegment normal(
      long elements, DType dtype, double scale, SplittableRandom random, Arena arena) {
    MemorySegment memory = arena.allocate(elements * dtype.bytes(), 64);
    for (long i = 0; i < elements; i++) {
      dtype.set(memory, i, (float) (scale * random.nextGaussian()));
    }
    return memory;
  }
}
