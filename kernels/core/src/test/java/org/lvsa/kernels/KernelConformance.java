// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.function.Executable;

/**
 * What every kernel must do, as tests to run on it. Inputs are fresh at every run; a test's name
 * has the seed, and {@code -Dlvsa.seed=N} repeats it.
 */
public final class KernelConformance {
  private final AttentionKernel kernel;
  private final double tolerance;
  private final double narrowTolerance;
  private final long seed = Long.getLong("lvsa.seed", System.nanoTime() & 0xFFFFFF);
  private final List<DynamicTest> tests = new ArrayList<>();

  private KernelConformance(AttentionKernel kernel, double tolerance, double narrowTolerance) {
    this.kernel = kernel;
    this.tolerance = tolerance;
    this.narrowTolerance = narrowTolerance;
  }

  /** The tests, for a kernel with this largest relative error on inputs of any type. */
  public static List<DynamicTest> tests(AttentionKernel kernel, double tolerance) {
    return tests(kernel, tolerance, tolerance);
  }

  /**
   * The tests, for a kernel that computes with 16-bit inputs as they are.
   *
   * @param tolerance largest relative error on float32 inputs
   * @param narrowTolerance the same on 16-bit inputs
   */
  public static List<DynamicTest> tests(
      AttentionKernel kernel, double tolerance, double narrowTolerance) {
    KernelConformance conformance = new KernelConformance(kernel, tolerance, narrowTolerance);
    conformance.add();
    return conformance.tests;
  }

  /**
   * The tests for a kernel that takes 16-bit types and headDim 64 and 128 only: the largest
   * relative error is 5e-3.
   */
  public static List<DynamicTest> narrowTests(AttentionKernel kernel) {
    KernelConformance conformance = new KernelConformance(kernel, 5e-3, 5e-3);
    for (DType dtype : new DType[] {DType.BF16, DType.F16}) {
      for (int headDim : new int[] {64, 128}) {
        NarrowCases.add(conformance, dtype, headDim);
        BlockCases.add(conformance, dtype, headDim);
        OrderCases.add(conformance, dtype, headDim);
        NonFiniteCases.add(conformance, dtype, headDim);
      }
    }
    return conformance.tests;
  }

  /**
   * The tests for a kernel that takes layouts of frames, and headDim 64 and 128 only.
   *
   * @param tolerance largest relative error
   */
  public static List<DynamicTest> frameTests(
      AttentionKernel kernel, DType dtype, double tolerance) {
    KernelConformance conformance = new KernelConformance(kernel, tolerance, tolerance);
    for (int headDim : new int[] {64, 128}) {
      NarrowCases.add(conformance, dtype, headDim);
      NonFiniteCases.add(conformance, dtype, headDim);
    }
    return conformance.tests;
  }

  private void add() {
    for (DType dtype : DType.values()) {
      for (int headDim : new int[] {16, 40, 64, 80, 128}) {
        compare("headDim " + headDim, shape(1, 5, 13, 7, 2, 2, headDim), dtype, 0.4, 1);
      }
      compare("GQA 6 over 2", shape(1, 4, 13, 0, 6, 2, 64), dtype, 0.5, 1);
      compare("batch 2", shape(2, 4, 13, 7, 2, 1, 40), dtype, 0.5, 1);
    }
    for (int text : new int[] {0, 7, 77}) {
      for (int patches : new int[] {1, 13, 390}) {
        int frames = patches == 390 ? 3 : 9;
        compare(
            "P " + patches + " text " + text,
            shape(1, frames, patches, text, 1, 1, 64),
            DType.F32,
            0.3,
            1);
      }
    }
    compare("one token", shape(1, 1, 1, 0, 1, 1, 16), DType.F32, 1, 1);
    compare("only itself", shape(1, 7, 5, 0, 1, 1, 16), DType.F32, 0, 1);
    compare("dense", shape(1, 6, 45, 0, 2, 2, 128), DType.F32, 1, 1);
    compare("headDim 24", shape(1, 3, 21, 3, 1, 1, 24), DType.F32, 0.5, 1);
    compare("headDim 7", shape(1, 3, 21, 3, 1, 1, 7), DType.F32, 0.5, 1);
    compare("more keys than a tile", shape(1, 2, 700, 5, 1, 1, 16), DType.F32, 1, 1);
    // Scores of some hundreds: e^score overflows float32, and rounding of the score itself weighs.
    test("large scores", () -> largeScores());
    test("constant value", () -> constantValue());
    test("all scores equal", () -> equalScores());
    test("twice the same bits", () -> sameBits());
    test("parts merge to the whole", () -> partsMerge());
    test("no keys give zero", () -> noKeys());
    test("every element is written", () -> everyElement());
    test("an output that does not fit is refused", () -> misfit());
    PreparedCases.add(this);
    OrderCases.add(this, DType.F32, 40);
    OrderCases.add(this, DType.BF16, 64);
    BlockCases.add(this, DType.F32, 40);
    BlockCases.add(this, DType.BF16, 64);
    NonFiniteCases.add(this, DType.F32, 40);
    NonFiniteCases.add(this, DType.F32, 64);
    NonFiniteCases.add(this, DType.BF16, 64);
    NonFiniteCases.add(this, DType.F16, 64);
  }

  AttentionKernel kernel() {
    return kernel;
  }

  long seed() {
    return seed;
  }

  /** The largest relative error on inputs of a type. */
  double tolerance(DType dtype) {
    return dtype == DType.F32 ? tolerance : narrowTolerance;
  }

  static AttentionShape shape(
      int batch, int frames, int patches, int text, int heads, int kvHeads, int headDim) {
    return new AttentionShape(batch, frames, patches, text, heads, kvHeads, headDim);
  }

  void test(String name, Executable body) {
    tests.add(DynamicTest.dynamicTest(name + " (seed " + seed + ")", body));
  }

  void compare(String name, AttentionShape shape, DType dtype, double odds, double scoreScale) {
    test(
        name + " " + dtype,
        () -> {
          try (Arena arena = Arena.ofShared()) {
            compare(
                RandomProblem.draw(shape, dtype, odds, scoreScale, seed, arena), tolerance(dtype));
          }
        });
  }

  void compare(AttentionProblem problem, double allowed) {
    try (Arena arena = Arena.ofShared()) {
      AttentionOutput expected = AttentionOutput.allocateWithLogSumExp(problem.shape(), arena);
      AttentionOutput actual = AttentionOutput.allocateWithLogSumExp(problem.shape(), arena);
      ReferenceAttention.run(computed(problem), expected);
      kernel.run(problem, actual);
      double error = relativeError(actual.out(), expected.out());
      assertTrue(error <= allowed, "relative error of the output " + error);
      double lse = logSumExpError(actual.logSumExp().get(), expected.logSumExp().get());
      assertTrue(lse <= allowed, "relative error of the log-sum-exp " + lse);
    }
  }

  /** What the kernel computes for a problem: without bands if it does not run them. */
  AttentionProblem computed(AttentionProblem problem) {
    return problem.withLayout(kernel.computed(problem.layout()));
  }

  private void largeScores() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = shape(1, 4, 50, 7, 1, 1, 64);
      compare(RandomProblem.draw(shape, DType.F32, 0.5, 100, seed, arena), 50 * tolerance);
    }
  }

  private void constantValue() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = shape(1, 5, 13, 7, 2, 2, 40);
      AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 0.4, 3, seed, arena);
      fill(problem.value(), 0.625f);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      kernel.run(problem, output);
      for (long i = 0; i < shape.queryElements(); i++) {
        assertEquals(0.625f, DType.F32.get(output.out(), i), 1e-5f);
      }
    }
  }

  private void equalScores() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = shape(1, 5, 13, 0, 1, 1, 16);
      AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 0.4, 1, seed, arena);
      fill(problem.query(), 0);
      compare(problem, tolerance);
    }
  }

  private void sameBits() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = shape(1, 5, 61, 7, 2, 2, 64);
      AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 0.4, 1, seed, arena);
      AttentionOutput first = AttentionOutput.allocate(shape, arena);
      AttentionOutput second = AttentionOutput.allocate(shape, arena);
      kernel.run(problem, first);
      kernel.run(problem, second);
      assertEquals(-1, first.out().mismatch(second.out()));
    }
  }

  private void partsMerge() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = shape(1, 6, 13, 0, 2, 2, 40);
      AttentionProblem whole = RandomProblem.draw(shape, DType.F32, 0.6, 1, seed, arena);
      AttentionOutput expected = AttentionOutput.allocateWithLogSumExp(shape, arena);
      AttentionOutput left = AttentionOutput.allocateWithLogSumExp(shape, arena);
      AttentionOutput right = AttentionOutput.allocateWithLogSumExp(shape, arena);
      kernel.run(whole, expected);
      kernel.run(whole.withLayout(columns(whole.layout(), 0, 2)), left);
      kernel.run(whole.withLayout(columns(whole.layout(), 2, 6)), right);
      PartialAttention.merge(shape, left, right);
      assertTrue(relativeError(left.out(), expected.out()) <= 2 * tolerance);
      assertTrue(
          logSumExpError(left.logSumExp().get(), expected.logSumExp().get()) <= 2 * tolerance);
    }
  }

  private void noKeys() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = shape(1, 3, 5, 0, 1, 1, 16);
      AttentionProblem problem =
          RandomProblem.draw(shape, DType.F32, 1, 1, seed, arena)
              .withLayout(BlockSparseLayout.of(3, new int[] {0, 1, 1, 2}, new int[] {0, 2}));
      AttentionOutput output = AttentionOutput.allocateWithLogSumExp(shape, arena);
      output.out().fill((byte) 0x7F);
      kernel.run(problem, output);
      for (int token = 5; token < 10; token++) {
        assertEquals(Float.NEGATIVE_INFINITY, DType.F32.get(output.logSumExp().get(), token));
        for (int d = 0; d < 16; d++) {
          assertEquals(0f, DType.F32.get(output.out(), token * 16L + d));
        }
      }
    }
  }

  private void everyElement() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = shape(2, 5, 17, 9, 2, 1, 40);
      AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 0.5, 1, seed, arena);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      output.out().fill((byte) 0xFF);
      kernel.run(problem, output);
      for (long i = 0; i < shape.queryElements(); i++) {
        assertTrue(Float.isFinite(DType.F32.get(output.out(), i)), "element " + i);
      }
    }
  }

  private void misfit() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = shape(1, 2, 5, 0, 1, 1, 16);
      AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 1, 1, seed, arena);
      AttentionOutput small = AttentionOutput.allocate(shape(1, 1, 5, 0, 1, 1, 16), arena);
      assertThrows(IllegalArgumentException.class, () -> kernel.run(problem, small));
    }
  }

  private static BlockSparseLayout columns(BlockSparseLayout layout, int begin, int end) {
    int[] indptr = new int[layout.queryFrames() + 1];
    List<Integer> indices = new ArrayList<>();
    for (int row = 0; row < layout.queryFrames(); row++) {
      for (int i = 0; i < layout.count(row); i++) {
        int frame = layout.index(row, i);
        if (frame >= begin && frame < end) {
          indices.add(frame);
        }
      }
      indptr[row + 1] = indices.size();
    }
    return BlockSparseLayout.of(
        layout.keyFrames(), indptr, indices.stream().mapToInt(Integer::intValue).toArray());
  }

  private static void fill(MemorySegment memory, float value) {
    for (long i = 0; i < memory.byteSize() / Float.BYTES; i++) {
      DType.F32.set(memory, i, value);
    }
  }

  /**
   * ‖actual − expected‖ / ‖expected‖. Infinities that both have count as equal; all others, and
   * NaN, make it fail any bound.
   */
  public static double relativeError(MemorySegment actual, MemorySegment expected) {
    return error(actual, expected, 0);
  }

  /**
   * As {@link #relativeError}, but values below 1 count as 1: a log-sum-exp may be close to zero by
   * chance (that of one token is its score), and what an error does to the weights is its absolute
   * size.
   */
  static double logSumExpError(MemorySegment actual, MemorySegment expected) {
    return error(actual, expected, 1);
  }

  private static double error(MemorySegment actual, MemorySegment expected, double least) {
    double difference = 0;
    double norm = 0;
    for (long i = 0; i < expected.byteSize() / Float.BYTES; i++) {
      double e = DType.F32.get(expected, i);
      double a = DType.F32.get(actual, i);
      if (Double.isInfinite(e) && a == e) {
        continue;
      }
      difference += (a - e) * (a - e);
      norm += Math.max(e * e, least);
    }
    if (difference == 0) {
      return 0;
    }
    return Double.isFinite(difference) ? Math.sqrt(difference / norm) : Double.POSITIVE_INFINITY;
  }

  /** A seed for tests outside the suite. */
  public static SplittableRandom random() {
    return new SplittableRandom(Long.getLong("lvsa.seed", System.nanoTime()));
  }
}
