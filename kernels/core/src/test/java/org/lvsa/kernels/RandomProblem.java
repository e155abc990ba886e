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

  private static MemorySegment normal(
      long elements, DType dtype, double scale, SplittableRandom random, Arena arena) {
    MemorySegment memory = arena.allocate(elements * dtype.bytes(), 64);
    for (long i = 0; i < elements; i++) {
      dtype.set(memory, i, (float) (scale * random.nextGaussian()));
    }
    return memory;
  }
}
