// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.Int8Rounding;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Precision;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.ReferenceAttention;

/** Scores of int8, on a device with tensor cores. */
class Int8KernelTest {
  private static final KernelOptions INT8 = KernelOptions.DEFAULT.with(Precision.INT8);

  /** Two sequences, heads that share keys, frames that are no multiple of a tile, text. */
  private static final AttentionShape SHAPE = new AttentionShape(2, 3, 140, 40, 4, 2, 128);

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

  /** The kernel's output is that of rounded inputs, as exactly as fp16 weights allow. */
  @ParameterizedTest
  @CsvSource({"F16,128", "BF16,128", "F16,64", "BF16,64"})
  void normalInputsAreRoundedAndNothingElse(DType dtype, int headDim) {
    AttentionShape shape =
        new AttentionShape(
            SHAPE.batch(),
            SHAPE.latentFrames(),
            SHAPE.patchesPerFrame(),
            SHAPE.textTokens(),
            SHAPE.heads(),
            SHAPE.kvHeads(),
            headDim);
    AttentionProblem problem = RandomProblem.draw(shape, dtype, 0.5, 1, seed, arena);
    AttentionOutput output = check(problem, "int8");
    AttentionOutput rounded = AttentionOutput.allocate(shape, arena);
    ReferenceAttention.run(
        new AttentionProblem(
            Int8Rounding.of(problem.inputs(), arena).rounded(arena), problem.layout()),
        rounded);
    double error = KernelConformance.relativeError(output.out(), rounded.out());
    assertTrue(error <= 2e-3, "relative error " + error + ", seed " + seed);
  }

  /** Frames share tiles, since most of their keys are the same. */
  @Test
  void framesThatShareTiles() {
    int[] rows = {0, 3, 5, 8};
    int[] frames = {0, 1, 2, 0, 1, 0, 1, 2};
    check(draw(DType.F16).withLayout(BlockSparseLayout.of(3, rows, frames)), "int8");
  }

  @Test
  void aChannelThatIsLargeInEveryKey() {
    AttentionProblem problem = draw(DType.BF16);
    for (long i = 9; i < SHAPE.keyElements(); i += SHAPE.headDim()) {
      DType.BF16.set(problem.key(), i, DType.BF16.get(problem.key(), i) + 30);
    }
    check(problem, "int8");
  }

  /** A query whose other elements would be rounded to 0 is computed from 16 bits. */
  @Test
  void aQueryWithAnOutlierIsComputedInFull() {
    AttentionProblem problem = draw(DType.F16);
    long at = SHAPE.queryOffset(1, 130, 2);
    DType.F16.set(problem.query(), at + 5, 100);
    AttentionOutput output = check(problem, "int8-online");
    AttentionOutput expected = AttentionOutput.allocate(SHAPE, arena);
    ReferenceAttention.run(problem, expected);
    long bytes = SHAPE.headDim() * (long) Float.BYTES;
    double error =
        KernelConformance.relativeError(
            output.out().asSlice(at * Float.BYTES, bytes),
            expected.out().asSlice(at * Float.BYTES, bytes));
    assertTrue(error <= 5e-3, "relative error " + error + ", seed " + seed);
  }

  /**
   * A key outside the sample, along one query: that row's weight is beyond fp16. Its tile of keys
   * has a large scale, which makes rows that it weighs much in more wrong than is expected.
   */
  @Test
  void aRowWhoseWeightsOverflowIsComputedAgain() {
    AttentionProblem problem =
        RandomProblem.draw(
            new AttentionShape(1, 3, 700, 5, 2, 1, 128), DType.F16, 1, 1, seed, arena);
    for (int d = 0; d < 128; d++) {
      float q = DType.F16.get(problem.query(), problem.shape().queryOffset(0, 5, 1) + d);
      DType.F16.set(problem.key(), problem.shape().keyOffset(0, 2000, 0) + d, 3 * q);
    }
    check(problem, "int8-online", kernel.allowedError(DType.F16));
  }

  /** The mean of the keys is then NaN too, and every query is computed from 16 bits. */
  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void aKeyThatIsNotANumberIsSeenByThoseAloneThatAttendToIt(DType dtype) {
    String name = RegisterKernelTest.onlyTheMiddleFrameIsNan(kernel, dtype, seed, arena);
    assertTrue(name.endsWith("-int8-online"), name);
  }

  @Test
  void float32AndOtherHeadDimsAreRefused() {
    assertEquals(
        Optional.of(
            "tensorcore kernel: int8 takes inputs of 16 bits: give --dtype f16 or --dtype bf16"),
        kernel.unsupported(SHAPE, DType.F32));
    assertTrue(
        kernel.unsupported(new AttentionShape(1, 3, 80, 0, 1, 1, 80), DType.F16).isPresent());
  }

  @TestFactory
  @Tag("full")
  List<DynamicTest> conforms() {
    return KernelConformance.frameTests(kernel, DType.F16, kernel.allowedError(DType.F16));
  }

  private AttentionProblem draw(DType dtype) {
    return RandomProblem.draw(SHAPE, dtype, 1, 1, seed, arena);
  }

  private AttentionOutput check(AttentionProblem problem, String path) {
    return check(problem, path, 2e-2);
  }

  private AttentionOutput check(AttentionProblem problem, String path, double allowed) {
    AttentionOutput output = AttentionOutput.allocateWithLogSumExp(problem.shape(), arena);
    AttentionOutput expected = AttentionOutput.allocateWithLogSumExp(problem.shape(), arena);
    String name = kernel.run(problem, output).kernel();
    String type = problem.inputs().dtype().name().toLowerCase(Locale.ROOT);
    assertEquals("tornado-tensorcore-" + type + "-" + path, name, "seed " + seed);
    ReferenceAttention.run(problem, expected);
    double error = KernelConformance.relativeError(output.out(), expected.out());
    double sums =
        KernelConformance.relativeError(
            output.logSumExp().orElseThrow(), expected.logSumExp().orElseThrow());
    assertTrue(error <= allowed, "relative error " + error + ", seed " + seed);
    assertTrue(sums <= 2e-3, "relative error " + sums + " of log-sum-exps, seed " + seed);
    return output;
  }
}
