// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.ReferenceAttention;

/**
 * Runs a small problem on a kernel, dense and sparse, and compares with the float64 reference. An
 * SDK may have a library that launches nothing, or a code generator that changed: then a result
 * looks like one, and is wrong (TornadoVM 6.0.0's SDPA left zeros: its issue 1063).
 */
final class SelfCheck {
  private static final double TOLERANCE = 5e-3;
  private static final AttentionShape SHAPE = new AttentionShape(1, 5, 32, 8, 2, 2, 64);

  private SelfCheck() {}

  /** What is wrong with a kernel; empty if nothing is. */
  static Optional<String> failure(AttentionKernel kernel, DType dtype) {
    try (Arena arena = Arena.ofShared()) {
      SplittableRandom random = new SplittableRandom(7);
      AttentionInputs inputs =
          new AttentionInputs(
              SHAPE,
              dtype,
              normal(SHAPE.queryElements(), dtype, random, arena),
              normal(SHAPE.keyElements(), dtype, random, arena),
              normal(SHAPE.keyElements(), dtype, random, arena));
      // Frames attend to the first frame and to themselves and their neighbours.
      BlockSparseLayout sparse =
          BlockSparseLayout.of(
              5,
              new int[] {0, 2, 5, 9, 12, 15},
              new int[] {0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 3, 4, 0, 3, 4});
      for (BlockSparseLayout layout :
          new BlockSparseLayout[] {BlockSparseLayout.dense(5), sparse}) {
        AttentionProblem problem = new AttentionProblem(inputs, layout);
        AttentionOutput expected = AttentionOutput.allocate(SHAPE, arena);
        AttentionOutput actual = AttentionOutput.allocate(SHAPE, arena);
        ReferenceAttention.run(problem, expected);
        String ran = kernel.run(problem, actual).kernel();
        double error = relativeError(actual.out(), expected.out());
        // Not the other way round, so that NaN is wrong.
        if (!(error <= TOLERANCE)) {
          return Optional.of(
              String.format(
                  Locale.ROOT,
                  "%s gave a wrong result on a small problem: relative error %.2g, at most %.0e is"
                      + " right",
                  ran,
                  error,
                  TOLERANCE));
        }
      }
      return Optional.empty();
    } catch (VirtualMachineError e) {
      throw e;
    } catch (RuntimeException | Error e) {
      return Optional.of("a small problem failed: " + TornadoErrors.reason(e));
    }
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
