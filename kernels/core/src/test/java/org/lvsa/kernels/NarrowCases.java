// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;

/** Inputs of the sizes that tensor-core kernels take. */
final class NarrowCases {
  private NarrowCases() {}

  static void add(KernelConformance suite, DType dtype, int headDim) {
    AttentionKernel kernel = suite.kernel();
    double tolerance = suite.tolerance(dtype);
    long seed = suite.seed();
    String name = " headDim " + headDim;
    suite.compare(
        "one token" + name, KernelConformance.shape(1, 1, 1, 0, 1, 1, headDim), dtype, 1, 1);
    suite.compare(
        "P 13 text 7" + name, KernelConformance.shape(1, 5, 13, 7, 2, 2, headDim), dtype, 0.4, 1);
    suite.compare(
        "P 8 text 77" + name, KernelConformance.shape(1, 9, 8, 77, 1, 1, headDim), dtype, 0.4, 1);
    suite.compare(
        "P 32" + name, KernelConformance.shape(1, 6, 32, 0, 2, 2, headDim), dtype, 0.5, 1);
    suite.compare(
        "P 390 text 5" + name, KernelConformance.shape(1, 4, 390, 5, 1, 1, headDim), dtype, 0.5, 1);
    suite.compare(
        "P 200" + name, KernelConformance.shape(1, 7, 200, 0, 3, 3, headDim), dtype, 0.5, 1);
    suite.compare("dense" + name, KernelConformance.shape(1, 6, 45, 0, 2, 2, headDim), dtype, 1, 1);
    suite.compare(
        "only itself" + name, KernelConformance.shape(1, 7, 5, 0, 1, 1, headDim), dtype, 0, 1);
    suite.compare(
        "GQA 6 over 2" + name, KernelConformance.shape(1, 4, 13, 9, 6, 2, headDim), dtype, 0.5, 1);
    suite.compare(
        "batch 2" + name, KernelConformance.shape(2, 4, 24, 7, 2, 1, headDim), dtype, 0.5, 1);
    // Scores of some hundreds, so that one key has all the weight and e^score overflows float32.
    suite.compare(
        "large scores" + name, KernelConformance.shape(1, 4, 50, 7, 1, 1, headDim), dtype, 0.5, 30);
    suite.test(
        "one huge key" + name + " " + dtype,
        () -> {
          try (Arena arena = Arena.ofShared()) {
            AttentionShape shape = KernelConformance.shape(1, 3, 50, 0, 1, 1, headDim);
            AttentionProblem problem = RandomProblem.draw(shape, dtype, 1, 1, seed, arena);
            for (int d = 0; d < headDim; d++) {
              dtype.set(problem.key(), 77L * headDim + d, d % 2 == 0 ? 1000 : -1000);
            }
            suite.compare(problem, tolerance);
          }
        });
    suite.test(
        "all scores equal" + name + " " + dtype,
        () -> {
          try (Arena arena = Arena.ofShared()) {
            AttentionShape shape = KernelConformance.shape(1, 5, 13, 0, 1, 1, headDim);
            AttentionProblem problem = RandomProblem.draw(shape, dtype, 0.4, 1, seed, arena);
            problem.query().fill((byte) 0);
            suite.compare(problem, tolerance);
          }
        });
    suite.test(
        "no keys give zero" + name + " " + dtype,
        () -> {
          try (Arena arena = Arena.ofShared()) {
            AttentionShape shape = KernelConformance.shape(1, 3, 5, 0, 1, 1, headDim);
            AttentionProblem problem =
                RandomProblem.draw(shape, dtype, 1, 1, seed, arena)
                    .withLayout(BlockSparseLayout.of(3, new int[] {0, 1, 1, 2}, new int[] {0, 2}));
            AttentionOutput output = AttentionOutput.allocateWithLogSumExp(shape, arena);
            output.out().fill((byte) 0x7F);
            kernel.run(problem, output);
            for (int token = 5; token < 10; token++) {
              assertEquals(Float.NEGATIVE_INFINITY, DType.F32.get(output.logSumExp().get(), token));
              for (int d = 0; d < headDim; d++) {
                assertEquals(0f, DType.F32.get(output.out(), (long) token * headDim + d));
              }
            }
          }
        });
    suite.test(
        "twice the same bits, and again after another pattern" + name + " " + dtype,
        () -> {
          try (Arena arena = Arena.ofShared()) {
            AttentionShape shape = KernelConformance.shape(1, 5, 61, 7, 2, 2, headDim);
            AttentionProblem problem = RandomProblem.draw(shape, dtype, 0.4, 1, seed, arena);
            AttentionOutput first = AttentionOutput.allocate(shape, arena);
            AttentionOutput second = AttentionOutput.allocate(shape, arena);
            kernel.run(problem, first);
            kernel.run(problem, second);
            assertEquals(-1, first.out().mismatch(second.out()));
            try (PreparedAttention prepared = kernel.prepare(problem.inputs())) {
              prepared.run(problem.dense().layout(), second);
              assertTrue(first.out().mismatch(second.out()) >= 0);
              prepared.run(problem.layout(), second);
              assertEquals(-1, first.out().mismatch(second.out()));
            }
          }
        });
  }
}
