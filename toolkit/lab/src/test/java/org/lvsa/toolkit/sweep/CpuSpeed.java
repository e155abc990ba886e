// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.DoubleSupplier;
import jdk.incubator.vector.FloatVector;
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
 * arithmetic limit (multiply-adds in registers) in Java and, where there is gcc, in C, OpenBLAS'
 * matrix product by way of ND4J, and attention at T=81, P=96, 4 heads of 128, float32. Ends with
 * code 1 if anything passed the limit. Not a test: CONTRIBUTING.md says how to run it.
 */
public final class CpuSpeed {
  private static final String LIMIT = "limit: multiply-adds, Java";
  private static final String BLAS = "OpenBLAS sgemm 2048 (ND4J)";
  private static final String SPARSE = "vector sparse";
  private static final String DENSE = "vector dense";
  private static final String PER_FRAME = "nd4j per frame, sparse";
  private static final int N = 2048;

  private CpuSpeed() {}

  /**
   * Prints the figures as they come, then their medians.
   *
   * @param arguments seconds that the rounds may take; 90 if there is none
   */
  public static void main(String[] arguments) throws IOException {
    double seconds = arguments.length > 0 ? Double.parseDouble(arguments[0]) : 90;
    int threads = Runtime.getRuntime().availableProcessors();
    int bits = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    System.out.printf(
        Locale.ROOT, "%d threads, vectors of %d bits, %.0f s at most%n", threads, bits, seconds);
    Path directory = Files.createTempDirectory("lvsa-cpu-speed");
    try (Arena arena = Arena.ofShared();
        AttentionKernel vector =
            Backends.named("vector", System.err::println).open(KernelOptions.DEFAULT);
        AttentionKernel nd4j =
            Backends.named("nd4j", System.err::println).open(KernelOptions.DEFAULT)) {
      Map<String, DoubleSupplier> rivals = new LinkedHashMap<>();
      rivals.put(LIMIT, ArithmeticLimit::gflops);
      CLoop.compile(bits, directory)
          .ifPresentOrElse(
              loop -> rivals.put("multiply-adds, C", () -> loop.gflops(threads)),
              () -> System.out.println("no gcc here: the loop in C is left out"));
      INDArray a = Nd4j.rand(DataType.FLOAT, N, N);
      INDArray b = Nd4j.rand(DataType.FLOAT, N, N);
      rivals.put(BLAS, () -> 2.0 * N * N * N / millis(() -> a.mmul(b).close()) / 1e6);
      AttentionProblem sparse = problem(arena);
      AttentionOutput out = AttentionOutput.allocate(sparse.shape(), arena);
      rivals.put(SPARSE, () -> gflops(vector, sparse, out));
      rivals.put(DENSE, () -> gflops(vector, sparse.dense(), out));
      rivals.put(PER_FRAME, () -> gflops(nd4j, sparse, out));
      rivals.replaceAll((name, rival) -> () -> rested(rival));
      boolean bounded =
          summary(new SpeedContest(LIMIT, rivals, System::nanoTime, System.out), seconds);
      if (!bounded) {
        System.exit(1);
      }
    } finally {
      Files.deleteIfExists(directory.resolve("multiply_adds" + bits));
      Files.delete(directory);
    }
  }

  private static boolean summary(SpeedContest contest, double seconds) {
    Map<String, List<Double>> figures = contest.measure(seconds);
    boolean bounded = contest.report(figures);
    double sparse = SpeedContest.median(figures.get(SPARSE));
    System.out.printf(
        Locale.ROOT,
        "vector sparse: %.2f x sgemm, %.1f x nd4j; efficiency %.2f%n",
        sparse / SpeedContest.median(figures.get(BLAS)),
        sparse / SpeedContest.median(figures.get(PER_FRAME)),
        sparse / SpeedContest.median(figures.get(DENSE)));
    return bounded;
  }

  private static AttentionProblem problem(Arena arena) {
    AttentionShape shape = new AttentionShape(1, 81, 96, 0, 4, 4, 128);
    Activations made =
        Activations.of(
            new InputSource.RandomNumbers(),
            shape,
            DType.F32,
            Models.named("wan2.1-1.3b"),
            PatchGrid.of(96),
            1,
            arena);
    return new AttentionProblem(
        new AttentionInputs(shape, DType.F32, made.query(), made.key(), made.value()),
        Pattern.build(PatternSettings.of(81, 96, 3, 1, 21, 1)).layout());
  }

  private static double gflops(
      AttentionKernel kernel, AttentionProblem problem, AttentionOutput out) {
    return problem.flops() / kernel.run(problem, out).kernelMillis() / 1e6;
  }

  /** The threads of a BLAS go on spinning for a while after their work, at the next one's cost. */
  private static double rested(DoubleSupplier rival) {
    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(300));
    return rival.getAsDouble();
  }

  private static double millis(Runnable work) {
    long start = System.nanoTime();
    work.run();
    return (System.nanoTime() - start) / 1e6;
  }
}
