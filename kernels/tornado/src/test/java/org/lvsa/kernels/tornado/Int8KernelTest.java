// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Precision;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.ReferenceAttention;

/** Scores of int8, on a device with tensor cores. */
class Int8KernelTest {
  private static final AttentionShape SHAPE = new AttentionShape(1, 3, 700, 5, 2, 1, 128);
  private static final KernelOptions INT8 = KernelOptions.DEFAULT.with(Precision.INT8);

  private final long seed = System.nanoTime() % 10_000_000;
  private final Arena arena = Arena.ofShared();
  private AttentionKernel kernel;

  @BeforeEach
  void open() {
    assumeTrue(
        new TornadoBackend().unavailable(INT8).isEmpty(), "the chosen device has no tensor cores");
    kernel = new TornadoBackend().open(INT8);
  }

  @AfterEach
  void close() {
    if (kernel != null) {
      kernel.close();
    }
    arena.close();
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void normalInputs(DType dtype) {
    for (int headDim : new int[] {64, 128}) {
      AttentionShape shape = new AttentionShape(2, 3, 280, 40, 4, 2, headDim);
      System.out.println(
          dtype
              + " "
              + headDim
              + " "
              + check(RandomProblem.draw(shape, dtype, 0.5, 1, seed, arena), "int8"));
    }
  }

  private double check(AttentionProblem problem, String path) {
    AttentionOutput output = AttentionOutput.allocateWithLogSumExp(problem.shape(), arena);
    String name = kernel.run(problem, output).kernel();
    AttentionOutput expected = AttentionOutput.allocateWithLogSumExp(problem.shape(), arena);
    ReferenceAttention.run(problem, expected);
    double error = KernelConformance.relativeError(output.out(), expected.out());
    double lse =
        KernelConformance.relativeError(
            output.logSumExp().orElseThrow(), expected.logSumExp().orElseThrow());
    System.out.println(name + " " + error + " lse " + lse);
    String type = problem.inputs().dtype().name().toLowerCase(Locale.ROOT);
    assertEquals("tornado-tensorcore-" + type + "-" + path, name, "seed " + seed);
    assertTrue(error <= 0.02, "relative error " + error + ", seed " + seed);
    return error;
  }
}
