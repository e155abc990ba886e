// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;

/** Kernels that are wrong on purpose: each must be found out. */
class WrongKernelTest {
  @TempDir private Path directory;

  /** Multiplies every element of one row by a factor. */
  private static void spoil(
      AttentionShape shape, MemorySegment out, int token, int head, double factor) {
    long offset = shape.queryOffset(0, token, head);
    for (int d = 0; d < shape.headDim(); d++) {
      DType.F32.set(out, offset + d, (float) (factor * DType.F32.get(out, offset + d)));
    }
  }

  private static void spoil(AttentionProblem problem, MemorySegment out, int head) {
    for (int token = 0; token < problem.shape().tokens(); token++) {
      spoil(problem.shape(), out, token, head, 1.001);
    }
  }

  private List<ResultRow> measured(FakeKernel kernel) throws IOException {
    List<ResultRow> rows = Sweeps.run(Sweeps.tiny().build(), directory.resolve("out"), kernel);
    assertEquals(2, rows.size());
    assertEquals(rows, ResultsFile.read(directory.resolve("out/results.csv")));
    return rows;
  }

  private void assertWrong(FakeKernel kernel, String place) throws IOException {
    for (ResultRow row : measured(kernel)) {
      assertEquals(Status.WRONG, row.status(), row.note());
      assertTrue(row.note().contains(place), row.note());
      assertTrue(row.note().contains("differs from the float64 reference by"), row.note());
    }
  }

  @Test
  void aRightKernelIsOk() throws IOException {
    for (ResultRow row : measured(FakeKernel.right())) {
      assertEquals(Status.OK, row.status(), row.note());
      assertEquals("2 of 12 heads", row.note());
      assertEquals(1 / row.density(), row.speedup(), 1e-9);
      assertEquals("fake-sparse", row.provenance().kernel());
      assertEquals("fake-dense", row.provenance().denseKernel());
      assertFalse(row.quality().isEmpty());
    }
  }

  @Test
  void aWrongDenseResult() throws IOException {
    assertWrong(
        FakeKernel.wrong(
            (problem, output) -> {
              if (problem.layout().isDense()) {
                spoil(problem, output.out(), 0);
              }
            }),
        "dense: token");
  }

  @Test
  void aWrongSparseResult() throws IOException {
    assertWrong(
        FakeKernel.wrong(
            (problem, output) -> {
              if (!problem.layout().isDense()) {
                spoil(problem, output.out(), 0);
                spoil(problem, output.out(), 1);
              }
            }),
        "token");
  }

  @Test
  void onlyTheLastTokenIsWrong() throws IOException {
    assertWrong(
        FakeKernel.wrong(
            (problem, output) -> {
              int last = problem.shape().tokens() - 1;
              spoil(problem.shape(), output.out(), last, 1, 1.001);
            }),
        "token 89 of head 1");
  }

  @Test
  void onlyOneHeadIsWrong() throws IOException {
    assertWrong(
        FakeKernel.wrong((problem, output) -> spoil(problem, output.out(), 1)), "of head 1");
  }

  @Test
  void aKernelThatWritesNothing() throws IOException {
    assertWrong(FakeKernel.silent(), "NaN");
  }

  @Test
  void aKernelThatWritesNothingIsNotJudgedByAnotherOnesResult() throws IOException {
    SweepSettings settings = Sweeps.tiny().backends(List.of("vector", "reference")).build();
    List<ResultRow> rows =
        Sweeps.run(settings, directory.resolve("out"), FakeKernel.right(), FakeKernel.silent());
    assertEquals(
        List.of(Status.OK, Status.OK, Status.WRONG, Status.WRONG),
        rows.stream().map(ResultRow::status).toList());
  }

  @Test
  void aKernelThatGivesInfinity() throws IOException {
    assertWrong(
        FakeKernel.wrong(
            (problem, output) -> DType.F32.set(output.out(), 0, Float.POSITIVE_INFINITY)),
        "token 0 of head 0");
  }
}
