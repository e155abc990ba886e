// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockRows;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.ReferenceAttention;
import org.lvsa.kernels.TokenBlocks;

/**
 * Runs small problems on a kernel and compares with the float64 reference. An SDK may have a
 * library that launches nothing, or a code generator that changed: then a result looks like one,
 * and is wrong (TornadoVM 6.0.0's SDPA left zeros: its issue 1063).
 */
final class SelfCheck {
  private static final int FRAMES = 5;

  private SelfCheck() {}

  /** The layouts of the problems, which decide what kernel runs. */
  enum Kind {
    /** Of frames: all of them, a few, and such as leave a frame's own keys out. */
    FRAMES,
    /** Of token blocks of odd sizes. */
    BLOCKS,
    /** Of token blocks of multiples of 32 tokens that have few keys in common. */
    OWN_KEYS
  }

  /** What is wrong with a kernel; empty if nothing is. */
  static Optional<String> failure(AttentionKernel kernel, DType dtype, int headDim, Kind kind) {
    return failure(kernel, dtype, headDim, kind, 3);
  }

  /**
   * What is wrong with a kernel whose scores are int8. Where keys are very like queries, it
   * computes in full: that is checked, and keys that are less so, whose scores it rounds.
   */
  static Optional<String> failureOfInt8(AttentionKernel kernel, DType dtype, int headDim) {
    return failure(kernel, dtype, headDim, Kind.FRAMES, 0.5f)
        .or(() -> failure(kernel, dtype, headDim, Kind.FRAMES, 3));
  }

  /**
   * @param likeness how much of its token's query a key has
   */
  private static Optional<String> failure(
      AttentionKernel kernel, DType dtype, int headDim, Kind kind, float likeness) {
    double allowed = kernel.allowedError(dtype);
    try (Arena arena = Arena.ofShared()) {
      AttentionInputs inputs = inputs(dtype, headDim, likeness, arena);
      for (BlockSparseLayout layout : layouts(kind, inputs.shape())) {
        AttentionProblem problem = new AttentionProblem(inputs, layout);
        AttentionOutput expected = AttentionOutput.allocate(inputs.shape(), arena);
        AttentionOutput actual = AttentionOutput.allocate(inputs.shape(), arena);
        ReferenceAttention.run(problem, expected);
        String ran = kernel.run(problem, actual).kernel();
        double error = relativeError(actual.out(), expected.out());
        // Not the other way round, so that NaN is wrong.
        if (!(error <= allowed)) {
          return Optional.of(
              String.format(
                  Locale.ROOT,
                  "%s gave a wrong result on a small problem: relative error %.2g, at most %.0e is"
                      + " right",
                  ran,
                  error,
                  allowed));
        }
      }
      return Optional.empty();
    } catch (VirtualMachineError e) {
      throw e;
    } catch (RuntimeException | Error e) {
      return Optional.of("a small problem failed: " + TornadoErrors.reason(e));
    }
  }

  /** Keys are like the queries of their own token, so that those weigh most where they are seen. */
  private static AttentionInputs inputs(DType dtype, int headDim, float likeness, Arena arena) {
    AttentionShape shape = new AttentionShape(1, FRAMES, 32, 8, 2, 2, headDim);
    SplittableRandom random = new SplittableRandom(7);
    MemorySegment query = normal(shape.queryElements(), dtype, random, arena);
    MemorySegment key = arena.allocate(query.byteSize(), 64);
    for (long i = 0; i < shape.keyElements(); i++) {
      dtype.set(key, i, likeness * dtype.get(query, i) + (float) random.nextGaussian());
    }
    return new AttentionInputs(
        shape, dtype, query, key, normal(shape.keyElements(), dtype, random, arena));
  }

  private static List<BlockSparseLayout> layouts(Kind kind, AttentionShape shape) {
    if (kind == Kind.BLOCKS) {
      int size = 21;
      int blocks = Math.ceilDiv(shape.tokens(), size);
      int[] indptr = new int[blocks + 1];
      int[] indices = new int[2 * blocks];
      for (int row = 0; row < blocks; row++) {
        indptr[row + 1] = 2 * (row + 1);
        indices[2 * row] = Math.max(row - 1, 0);
        indices[2 * row + 1] = Math.max(row, 1);
      }
      return List.of(blocks(shape, size, indptr, indices));
    }
    if (kind == Kind.OWN_KEYS) {
      return List.of(
          blocks(shape, 64, new int[] {0, 1, 3, 4}, new int[] {1, 0, 2, 0}),
          blocks(shape, 128, new int[] {0, 1, 2}, new int[] {1, 0}));
    }
    return List.of(
        BlockSparseLayout.dense(FRAMES),
        // Frames attend to the first frame, to themselves and to their neighbours.
        BlockSparseLayout.of(
            FRAMES,
            new int[] {0, 2, 5, 9, 12, 15},
            new int[] {0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 3, 4, 0, 3, 4}),
        BlockSparseLayout.of(FRAMES, new int[] {0, 1, 2, 3, 4, 5}, new int[] {1, 2, 3, 4, 0}));
  }

  private static BlockSparseLayout blocks(
      AttentionShape shape, int size, int[] indptr, int[] indices) {
    BlockRows rows = BlockRows.of(Math.ceilDiv(shape.tokens(), size), indptr, indices);
    return BlockSparseLayout.ofBlocks(TokenBlocks.uniform(shape.tokens(), size, rows));
  }

  private static MemorySegment normal(
      long elements, DType dtype, SplittableRandom random, Arena arena) {
    MemorySegment memory = arena.allocate(elements * dtype.bytes(), 64);
    for (long i = 0; i < elements; i++) {
      dtype.set(memory, i, (float) random.nextGaussian());
    }
    return memory;
  }

  private static double relativeError(MemorySegment actual, MemorySegment expected) {
    double difference = 0;
    double norm = 0;
    for (long i = 0; i < expected.byteSize() / Float.BYTES; i++) {
      double e = DType.F32.get(expected, i);
      double d = DType.F32.get(actual, i) - e;
      difference += d * d;
      norm += e * e;
    }
    return Math.sqrt(difference / norm);
  }
}
