// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.List;

/** What a kernel prepares, and what a run says of itself. */
final class PreparedCases {
  private final KernelConformance suite;
  private final AttentionKernel kernel;

  private PreparedCases(KernelConformance suite) {
    this.suite = suite;
    kernel = suite.kernel();
  }

  static void add(KernelConformance suite) {
    PreparedCases cases = new PreparedCases(suite);
    suite.test("several prepared inputs at once", cases::several);
    suite.test("a layout that does not fit is refused", cases::misfitLayout);
    suite.test("a run names its kernel and its times", cases::namedRun);
  }

  private AttentionProblem draw(AttentionShape shape, double odds, long plus, Arena arena) {
    return RandomProblem.draw(shape, DType.F32, odds, 1, suite.seed() + plus, arena);
  }

  /** Prepared inputs keep their own, whatever is prepared, run and closed beside them. */
  private void several() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = new AttentionShape(1, 4, 13, 5, 2, 1, 16);
      AttentionProblem one = draw(shape, 0.5, 0, arena);
      AttentionProblem two = draw(shape, 0.5, 1, arena);
      AttentionProblem three = draw(new AttentionShape(1, 2, 7, 0, 1, 1, 24), 1, 0, arena);
      PreparedAttention first = kernel.prepare(one.inputs());
      try (PreparedAttention second = kernel.prepare(two.inputs());
          PreparedAttention third = kernel.prepare(three.inputs())) {
        for (BlockSparseLayout layout : List.of(one.layout(), two.layout(), one.layout())) {
          compare(first, one.withLayout(layout));
          compare(second, two.withLayout(layout));
          compare(third, three);
        }
        first.close();
        compare(second, two.dense());
        try (PreparedAttention again = kernel.prepare(one.inputs())) {
          compare(again, one);
          compare(second, two);
        }
      } finally {
        first.close();
      }
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      assertThrows(IllegalStateException.class, () -> first.run(one.layout(), output));
    }
  }

  private void compare(PreparedAttention prepared, AttentionProblem problem) {
    try (Arena arena = Arena.ofShared()) {
      AttentionOutput expected = AttentionOutput.allocate(problem.shape(), arena);
      AttentionOutput actual = AttentionOutput.allocate(problem.shape(), arena);
      ReferenceAttention.run(problem, expected);
      prepared.run(problem.layout(), actual);
      double error = KernelConformance.relativeError(actual.out(), expected.out());
      assertTrue(error <= suite.tolerance(DType.F32), "relative error of the output " + error);
    }
  }

  private void misfitLayout() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = new AttentionShape(1, 3, 5, 0, 1, 1, 16);
      AttentionProblem problem = draw(shape, 1, 0, arena);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      try (PreparedAttention prepared = kernel.prepare(problem.inputs())) {
        assertThrows(
            IllegalArgumentException.class, () -> prepared.run(BlockSparseLayout.dense(2), output));
        prepared.run(problem.layout(), output);
      }
    }
  }

  private void namedRun() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = new AttentionShape(1, 3, 50, 0, 1, 1, 64);
      AttentionProblem problem = draw(shape, 1, 0, arena);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      try (PreparedAttention prepared = kernel.prepare(problem.inputs())) {
        KernelRun first = prepared.run(problem.layout(), output);
        KernelRun second = prepared.run(problem.layout(), output);
        assertTrue(first.kernel().matches("[a-z0-9-]+"), first.kernel());
        assertEquals(first.kernel(), second.kernel());
        assertTrue(first.kernelMillis() > 0, "kernel time");
        assertTrue(prepared.preparation().prepareMillis() >= 0, "preparation time");
        assertEquals(prepared.preparation(), prepared.preparation());
      }
    }
  }
}
