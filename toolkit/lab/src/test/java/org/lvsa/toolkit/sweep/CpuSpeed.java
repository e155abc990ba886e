// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.DoubleSupplier;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.input.Activations;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * How fast the CPU kernels are against what this machine can do at all, in one process: the
 * arithmetic limit (multiply-adds in registers), ND4J's matrix product, and attention at T=81,
 * P=96, 4 heads of 128, float32. Ends with code 1 if anything passed the limit. Not a test:
 * CONTRIBUTING.md says how to run it.
 */
public final class CpuSpeed {
  private static final int ROUNDS = 9;

  private CpuSpeed() {}

  /** Prints the figures, medians of rounds in which the rivals take turns. */
  public static void main(String[] arguments) {
    AttentionShape shape = new AttentionShape(1, 81, 96, 0, 4, 4, 128);
    Pattern pattern = Pattern.build(PatternSettings.of(81, 96, 3, 1, 21, 1));
    try (Arena arena = Arena.ofShared();
        AttentionKernel vector =
            Backends.named("vector", System.err::println).open(KernelOptions.DEFAULT);
        AttentionKernel nd4j =
            Backends.named("nd4j", System.err::println).open(KernelOptions.DEFAULT)) {
      Activations made =
          Activations.of(
              new InputSource.RandomNumbers(),
              shape,
              DType.F32,
              Models.named("wan2.1-1.3b"),
              PatchGrid.of(96),
              1,
              arena);
      AttentionProblem sparse =
          new AttentionProblem(
              new AttentionInputs(shape, DType.F32, made.query(), made.key(), made.value()),
              pattern.layout());
      AttentionProblem dense = sparse.dense();
      AttentionOutput out = AttentionOutput.allocate(shape, arena);
      int n = 2048;
      INDArray a = Nd4j.rand(DataType.FLOAT, n, n);
      INDArray b = Nd4j.rand(DataType.FLOAT, n, n);
      String[] names = {
        "multiply-adds in registers",
        "ND4J mmul 2048",
        "vector sparse",
        "vector dense",
        "nd4j per frame, sparse"
      };
      DoubleSupplier[] rivals = {
        ArithmeticLimit::gflops,
        () -> 2.0 * n * n * n / millis(() -> a.mmul(b).close()) / 1e6,
        () -> sparse.flops() / vector.run(sparse, out).kernelMillis() / 1e6,
        () -> dense.flops() / vector.run(dense, out).kernelMillis() / 1e6,
        () -> sparse.flops() / nd4j.run(sparse, out).kernelMillis() / 1e6
      };
      double[][] measured = new double[rivals.length][ROUNDS];
      for (int round = -4; round < ROUNDS; round++) {
        for (int rival = 0; rival < rivals.length; rival++) {
          rest();
          double gflops = rivals[rival].getAsDouble();
          if (round >= 0) {
            measured[rival][round] = gflops;
          }
        }
      }
      double limit = Arrays.stream(measured[0]).max().orElseThrow();
      boolean exceeded = false;
      double[] medians = new double[rivals.length];
      for (int rival = 0; rival < rivals.length; rival++) {
        medians[rival] = Arrays.stream(measured[rival]).sorted().toArray()[ROUNDS / 2];
        double best = Arrays.stream(measured[rival]).max().orElseThrow();
        System.out.printf(
            Locale.ROOT,
            "%-28s %7.1f GFLOP/s, at best %7.1f%s%n",
            names[rival],
            medians[rival],
            best,
            best > limit ? ": MORE THAN THE LIMIT, which is measured wrongly" : "");
        exceeded |= best > limit;
      }
      double efficiency = medians[2] / medians[3];
      System.out.printf(
          Locale.ROOT,
          "vector sparse: %.2f x mmul, %.0f%% of the limit, %.1f x nd4j; efficiency %.2f%n",
          medians[2] / medians[1],
          100 * medians[2] / limit,
          medians[2] / medians[4],
          efficiency);
      if (exceeded) {
        System.exit(1);
      }
    }
  }

  /** The threads of a BLAS go on spinning for a while after their work, at the next one's cost. */
  private static void rest() {
    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(300));
  }

  private static double millis(Runnable work) {
    long start = System.nanoTime();
    work.run();
    return (System.nanoTime() - start) / 1e6;
  }
}
