// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.DoubleSupplier;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
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
 * P=96, 4 heads of 128, float32. Not a test: CONTRIBUTING.md says how to run it.
 */
public final class CpuSpeed {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final int ROUNDS = 9;

  private static volatile float sink;

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
        CpuSpeed::peak,
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
      double[] medians = new double[rivals.length];
      for (int rival = 0; rival < rivals.length; rival++) {
        medians[rival] = Arrays.stream(measured[rival]).sorted().toArray()[ROUNDS / 2];
        System.out.printf(Locale.ROOT, "%-28s %7.1f GFLOP/s%n", names[rival], medians[rival]);
      }
      double efficiency = medians[2] / medians[3];
      System.out.printf(
          Locale.ROOT,
          "vector sparse: %.2f x mmul, %.0f%% of the limit, %.1f x nd4j; efficiency %.2f%n",
          medians[2] / medians[1],
          100 * medians[2] / medians[0],
          medians[2] / medians[4],
          efficiency);
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

  /** Independent multiply-adds on all threads. */
  private static double peak() {
    int threads = Runtime.getRuntime().availableProcessors();
    int rounds = 20_000_000;
    double millis =
        millis(
            () -> {
              List<Thread> running =
                  IntStream.range(0, threads)
                      .mapToObj(
                          i -> Thread.ofPlatform().start(() -> sink = chains(rounds, 1e-6f * i)))
                      .toList();
              for (Thread thread : running) {
                try {
                  thread.join();
                } catch (InterruptedException e) {
                  throw new IllegalStateException(e);
                }
              }
            });
    return 2.0 * 12 * F.length() * rounds * threads / millis / 1e6;
  }

  private static float chains(int rounds, float seed) {
    FloatVector factor = FloatVector.broadcast(F, 0.999f);
    FloatVector term = FloatVector.broadcast(F, 1e-3f + seed);
    FloatVector a = term;
    FloatVector b = term.add(1);
    FloatVector c = term.add(2);
    FloatVector d = term.add(3);
    FloatVector e = term.add(4);
    FloatVector f = term.add(5);
    FloatVector g = term.add(6);
    FloatVector h = term.add(7);
    FloatVector i = term.add(8);
    FloatVector j = term.add(9);
    FloatVector k = term.add(10);
    FloatVector l = term.add(11);
    for (int round = 0; round < rounds; round++) {
      a = a.fma(factor, term);
      b = b.fma(factor, term);
      c = c.fma(factor, term);
      d = d.fma(factor, term);
      e = e.fma(factor, term);
      f = f.fma(factor, term);
      g = g.fma(factor, term);
      h = h.fma(factor, term);
      i = i.fma(factor, term);
      j = j.fma(factor, term);
      k = k.fma(factor, term);
      l = l.fma(factor, term);
    }
    FloatVector all = a.add(b).add(c).add(d).add(e).add(f).add(g).add(h).add(i).add(j).add(k);
    return all.add(l).reduceLanes(VectorOperators.ADD);
  }
}
