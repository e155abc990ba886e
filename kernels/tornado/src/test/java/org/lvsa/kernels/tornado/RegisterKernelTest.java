// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockRows;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.ReferenceAttention;
import org.lvsa.kernels.TokenBlocks;

/** The paths of {@link RegisterProgram}, on a device with tensor cores. */
class RegisterKernelTest {
  /** Frames of more than two tiles of queries, so that most keys are not in a row's sample. */
  private static final AttentionShape SHAPE = new AttentionShape(1, 3, 700, 5, 2, 1, 128);

  private final long seed = System.nanoTime() % 10_000_000;
  private final Arena arena = Arena.ofShared();
  private AttentionKernel kernel;

  @BeforeEach
  void open() {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available
            && new TornadoBackend()
                .devices().stream().anyMatch(d -> d.chosen() && d.kernels().contains("tensorcore")),
        "the chosen device has no tensor cores");
    kernel =
        new TornadoBackend().open(new KernelOptions(Optional.empty(), Optional.of("tensorcore")));
  }

  @AfterEach
  void close() {
    if (kernel != null) {
      kernel.close();
    }
    arena.close();
  }

  @ParameterizedTest
  @EnumSource
  void usualScoresKeepTheirWeightsInRegisters(DType dtype) {
    check(draw(dtype, 0.5), "registers", allowed(dtype, 2e-3));
    check(draw(dtype, 1), "registers", allowed(dtype, 2e-3));
  }

  /** Frames that share tiles, since most of their keys are the same; and blocks that do. */
  @ParameterizedTest
  @EnumSource
  void framesAndBlocksThatShareTiles(DType dtype) {
    for (int headDim : new int[] {64, 128}) {
      AttentionShape shape = new AttentionShape(2, 6, 280, 40, 4, 2, headDim);
      int[] rows = {0, 5, 9, 14, 18, 23, 28};
      int[] frames = {
        0, 1, 2, 3, 4, 0, 1, 2, 3, 0, 1, 2, 3, 4, 0, 1, 2, 5, 0, 1, 2, 4, 5, 0, 1, 2, 3, 5
      };
      check(
          RandomProblem.draw(shape, dtype, 1, 1, seed, arena)
              .withLayout(BlockSparseLayout.of(6, rows, frames)),
          "registers",
          allowed(dtype, 2e-3));
      int blocks = Math.ceilDiv(shape.tokens(), 64);
      int[] indptr = new int[blocks + 1];
      int[] indices = new int[blocks * 14];
      for (int row = 0; row < blocks; row++) {
        int first = Math.max(0, Math.min(row - 7, blocks - 14));
        for (int i = 0; i < 14; i++) {
          indices[row * 14 + i] = first + i;
        }
        indptr[row + 1] = 14 * (row + 1);
      }
      check(
          RandomProblem.draw(shape, dtype, 1, 1, seed, arena)
              .withLayout(
                  BlockSparseLayout.ofBlocks(
                      TokenBlocks.uniform(
                          shape.tokens(), 64, BlockRows.of(blocks, indptr, indices)))),
          "registers",
          allowed(dtype, 2e-3));
    }
  }

  /** A key that one frame of a tile does not attend to is NaN: the other's queries alone are. */
  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void whatAnotherFrameOfTheTileAttendsToDoesNotMatter(DType dtype) {
    String name = onlyTheMiddleFrameIsNan(kernel, dtype, seed, arena);
    assertTrue(name.endsWith("-registers-online"), name);
  }

  /** Checks that NaN in a key comes to those queries alone that attend to it. */
  static String onlyTheMiddleFrameIsNan(
      AttentionKernel kernel, DType dtype, long seed, Arena arena) {
    AttentionShape shape = new AttentionShape(1, 3, 80, 0, 1, 1, 128);
    AttentionProblem problem =
        RandomProblem.draw(shape, dtype, 1, 1, seed, arena)
            .withLayout(
                BlockSparseLayout.of(3, new int[] {0, 2, 5, 7}, new int[] {0, 1, 0, 1, 2, 0, 1}));
    dtype.set(problem.key(), shape.keyOffset(0, 170, 0) + 3, Float.NaN);
    AttentionOutput output = AttentionOutput.allocate(shape, arena);
    String name = kernel.run(problem, output).kernel();
    for (int token = 0; token < shape.tokens(); token++) {
      boolean nan = Float.isNaN(DType.F32.get(output.out(), shape.queryOffset(0, token, 0)));
      assertEquals(token / 80 == 1, nan, "token " + token + ", seed " + seed);
    }
    return name;
  }

  /** A key outside the sample, along one query: that row's weight is beyond fp16. */
  @ParameterizedTest
  @EnumSource
  void aRowWhoseWeightsOverflowIsComputedAgain(DType dtype) {
    AttentionProblem problem = draw(dtype, 1);
    for (int d = 0; d < 128; d++) {
      float q = dtype.get(problem.query(), SHAPE.queryOffset(0, 5, 1) + d);
      dtype.set(problem.key(), SHAPE.keyOffset(0, 2000, 1) + d, 3 * q);
    }
    check(problem, "registers-online", allowed(dtype, 5e-3));
  }

  @ParameterizedTest
  @EnumSource
  void manyRowsAreComputedAgainAndTheNextRunStartsAfresh(DType dtype) {
    AttentionProblem problem = draw(dtype, 1);
    for (int d = 0; d < 128; d++) {
      dtype.set(problem.key(), SHAPE.keyOffset(0, 2000, 1) + d, 30);
    }
    BlockSparseLayout without =
        BlockSparseLayout.of(3, new int[] {0, 2, 4, 6}, new int[] {0, 1, 0, 1, 0, 1});
    AttentionShape video = new AttentionShape(1, 3, 700, 0, 2, 1, 128);
    AttentionProblem noText = RandomProblem.draw(video, dtype, 1, 1, seed, arena);
    for (int d = 0; d < 128; d++) {
      dtype.set(noText.key(), video.keyOffset(0, 2050, 1) + d, 30);
    }
    check(problem, "registers-online", allowed(dtype, 5e-3));
    try (PreparedAttention prepared = kernel.prepare(noText.inputs())) {
      AttentionOutput output = AttentionOutput.allocateWithLogSumExp(video, arena);
      String name = "tornado-tensorcore-" + dtype.name().toLowerCase(Locale.ROOT);
      assertEquals(name + "-registers-online", prepared.run(noText.layout(), output).kernel());
      compare(noText, output, allowed(dtype, 5e-3));
      String first = prepared.run(without, output).kernel();
      compare(noText.withLayout(without), output, allowed(dtype, 5e-3));
      assertTrue(first.startsWith(name + "-registers"), first);
      assertEquals(name + "-registers-online", prepared.run(noText.layout(), output).kernel());
    }
  }

  /** Frames that do not attend to themselves, where their own keys score far above the others. */
  @ParameterizedTest
  @EnumSource
  void aRowWhoseWeightsAreTooSmallIsComputedAgain(DType dtype) {
    AttentionShape shape = new AttentionShape(1, 3, 700, 0, 1, 1, 128);
    AttentionProblem problem =
        RandomProblem.draw(shape, dtype, 1, 1, seed, arena)
            .withLayout(BlockSparseLayout.of(3, new int[] {0, 1, 2, 3}, new int[] {1, 2, 0}));
    for (long i = 0; i < shape.queryElements(); i++) {
      dtype.set(problem.key(), i, 2 * dtype.get(problem.query(), i));
    }
    check(problem, "registers-online", allowed(dtype, 5e-3));
  }

  /** Heads whose values are far beyond what fp16 holds, or far below, and one whose are usual. */
  @ParameterizedTest
  @EnumSource(names = {"BF16", "F32"})
  void headsOfAnySizeAreAsExactAsOthers(DType dtype) {
    float[] sizes = {1e6f, 1e30f, 1, 1e-6f, 1e-30f};
    AttentionShape shape = new AttentionShape(2, 3, 100, 5, 10, 5, 128);
    AttentionProblem problem = RandomProblem.draw(shape, dtype, 0.7, 1, seed, arena);
    AttentionProblem flagged = RandomProblem.draw(shape, dtype, 0.7, 1, seed, arena);
    for (AttentionProblem one : new AttentionProblem[] {problem, flagged}) {
      multiply(one.value(), dtype, shape.keyElements(), at -> sizes[(int) (at / 128 % 5)]);
    }
    checkHeads(problem, "registers", allowed(dtype, 2e-3));
    // Rows of each head are computed again.
    for (int head = 0; head < 5; head++) {
      for (int d = 0; d < 128; d++) {
        dtype.set(flagged.key(), shape.keyOffset(0, 50, head) + d, 30);
      }
    }
    checkHeads(flagged, "registers-online", allowed(dtype, 5e-3));
  }

  @Test
  void queriesAndKeysOfFloat32MayBeSmall() {
    AttentionShape shape = new AttentionShape(1, 2, 90, 0, 4, 2, 64);
    AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 1, 1, seed, arena);
    multiply(problem.query(), DType.F32, shape.queryElements(), at -> 1e-3f);
    multiply(problem.key(), DType.F32, shape.keyElements(), at -> at / 64 % 2 == 0 ? 1e3f : 1e-30f);
    checkHeads(problem, "registers", 1e-4);
  }

  private interface Factor {
    float at(long element);
  }

  private static void multiply(MemorySegment numbers, DType dtype, long size, Factor factor) {
    for (long i = 0; i < size; i++) {
      dtype.set(numbers, i, dtype.get(numbers, i) * factor.at(i));
    }
  }

  /** Compares the output of each head, and all log-sum-exps. */
  private void checkHeads(AttentionProblem problem, String path, double allowed) {
    AttentionShape shape = problem.shape();
    AttentionOutput output = run(problem, path);
    AttentionOutput expected = AttentionOutput.allocateWithLogSumExp(shape, arena);
    ReferenceAttention.run(problem, expected);
    int headDim = shape.headDim();
    for (int head = 0; head < shape.heads(); head++) {
      MemorySegment[] ofHead = new MemorySegment[2];
      for (int i = 0; i < 2; i++) {
        MemorySegment all = i == 0 ? output.out() : expected.out();
        int tokens = shape.batch() * shape.tokens();
        ofHead[i] = arena.allocate(4L * tokens * headDim, 64);
        for (int token = 0; token < tokens; token++) {
          MemorySegment.copy(
              all,
              4L * (token * shape.heads() + head) * headDim,
              ofHead[i],
              4L * token * headDim,
              4L * headDim);
        }
      }
      near(ofHead[0], ofHead[1], allowed);
    }
    near(output.logSumExp().orElseThrow(), expected.logSumExp().orElseThrow(), allowed);
  }

  /** A few values so large that others of their head would be lost beside them. */
  @ParameterizedTest
  @EnumSource
  void valuesOfTooWideARangeTakeAnotherKernel(DType dtype) {
    String other = dtype == DType.F32 ? "tornado-portable-f32" : "-online";
    AttentionProblem problem = draw(dtype, 0.5);
    if (dtype == DType.F16) {
      dtype.set(problem.value(), 70, 60_000);
      check(problem, "registers", 5e-3);
    } else {
      dtype.set(problem.value(), 70, 1e30f);
      AttentionOutput output = AttentionOutput.allocateWithLogSumExp(SHAPE, arena);
      String name = kernel.run(problem, output).kernel();
      assertTrue(name.endsWith(other), name);
      compare(problem, output, 5e-3);
    }
    AttentionProblem infinite = draw(dtype, 0.5);
    dtype.set(infinite.value(), 70, Float.POSITIVE_INFINITY);
    String name = kernel.run(infinite, AttentionOutput.allocate(SHAPE, arena)).kernel();
    assertTrue(name.endsWith(other), name);
  }

  /** Queries or keys that fp16 cannot hold go to the portable kernel as they are. */
  @Test
  void largeKeysOfFloat32TakeThePortableKernel() {
    for (float number : new float[] {60_000, Float.NaN}) {
      AttentionProblem problem = draw(DType.F32, 0.5);
      DType.F32.set(problem.key(), 70, number);
      AttentionOutput output = AttentionOutput.allocateWithLogSumExp(SHAPE, arena);
      assertEquals("tornado-portable-f32", kernel.run(problem, output).kernel());
      if (!Float.isNaN(number)) {
        compare(problem, output, 1e-4);
      }
    }
  }

  /** Blocks that share few keys, of sizes that make tiles of few warps. */
  @ParameterizedTest
  @EnumSource
  void blocksWithKeysOfTheirOwn(DType dtype) {
    for (int headDim : new int[] {64, 128}) {
      for (int size : new int[] {32, 64, 128}) {
        AttentionShape shape = new AttentionShape(2, 5, 190, 30, 4, 2, headDim);
        int blocks = Math.ceilDiv(shape.tokens(), size);
        SplittableRandom random = new SplittableRandom(seed);
        AttentionProblem problem = RandomProblem.draw(shape, dtype, 1, 1, seed, arena);
        for (AttentionProblem one : new AttentionProblem[] {problem, withLargeKeys(shape, dtype)}) {
          BlockSparseLayout layout =
              BlockSparseLayout.ofBlocks(
                  TokenBlocks.uniform(
                      shape.tokens(), size, RandomProblem.rows(blocks, blocks, 0.4, random)));
          check(
              one.withLayout(layout),
              one == problem ? "registers" : "registers-online",
              allowed(dtype, one == problem ? 2e-3 : 5e-3));
        }
      }
    }
  }

  /** A problem with keys that make rows be computed again. */
  private AttentionProblem withLargeKeys(AttentionShape shape, DType dtype) {
    AttentionProblem large = RandomProblem.draw(shape, dtype, 1, 1, seed + 1, arena);
    for (int token = 13; token < shape.tokens(); token += 170) {
      for (int d = 0; d < shape.headDim(); d++) {
        dtype.set(large.key(), shape.keyOffset(0, token, 1) + d, 30);
      }
    }
    return large;
  }

  /** A sweep measures its patterns in turn, round after round: each compiles once. */
  @Test
  void layoutsThatTakeTurnsLoadTheInputsOnce() {
    AttentionShape shape = new AttentionShape(1, 4, 90, 0, 2, 1, 64);
    AttentionProblem problem = RandomProblem.draw(shape, DType.F16, 1, 1, seed, arena);
    List<BlockSparseLayout> layouts =
        List.of(
            BlockSparseLayout.of(4, new int[] {0, 1, 3, 5, 7}, new int[] {0, 0, 1, 0, 2, 0, 3}),
            oneBlockEach(shape, 64),
            oneBlockEach(shape, 21));
    int open = DevicePlan.openPlans();
    try (PreparedAttention prepared = kernel.prepare(problem.inputs())) {
      for (int round = 0; round < 3; round++) {
        for (int i = 0; i < layouts.size(); i++) {
          AttentionOutput output = AttentionOutput.allocateWithLogSumExp(shape, arena);
          KernelRun run = prepared.run(layouts.get(i), output);
          assertEquals(i < 2, run.kernel().endsWith("-registers"), run.kernel());
          assertEquals(round == 0 && i > 0, run.prepareMillis() > 0, i + ", round " + round);
          compare(problem.withLayout(layouts.get(i)), output, 2e-3);
        }
      }
      assertEquals(3, DevicePlan.openPlans() - open);
    }
    assertEquals(1, DevicePlan.openPlans() - open);
  }

  /** Blocks of some tokens, of which each attends to the next one alone. */
  private static BlockSparseLayout oneBlockEach(AttentionShape shape, int size) {
    int blocks = Math.ceilDiv(shape.tokens(), size);
    int[] indptr = IntStream.rangeClosed(0, blocks).toArray();
    int[] indices = IntStream.range(0, blocks).map(row -> (row + 1) % blocks).toArray();
    return BlockSparseLayout.ofBlocks(
        TokenBlocks.uniform(shape.tokens(), size, BlockRows.of(blocks, indptr, indices)));
  }

  /** One tile of keys, two and three, since a turn of the loop may compute two. */
  @ParameterizedTest
  @EnumSource
  void oddAndEvenNumbersOfTiles(DType dtype) {
    for (int headDim : new int[] {64, 128}) {
      AttentionShape shape = new AttentionShape(1, 6, 40, 0, 2, 1, headDim);
      int[] rows = {0, 1, 2, 4, 6, 9, 12};
      int[] frames = {1, 0, 2, 3, 2, 3, 0, 4, 5, 0, 2, 5};
      AttentionProblem problem =
          RandomProblem.draw(shape, dtype, 1, 1, seed, arena)
              .withLayout(BlockSparseLayout.of(6, rows, frames));
      check(problem, "registers", allowed(dtype, 2e-3));
      int blocks = Math.ceilDiv(shape.tokens(), 32);
      for (int count = 1; count <= 3; count++) {
        int[] indptr = new int[blocks + 1];
        int[] indices = new int[blocks * count];
        for (int row = 0; row < blocks; row++) {
          indptr[row + 1] = count * (row + 1);
          for (int i = 0; i < count; i++) {
            indices[count * row + i] = row / 4 + 2 * i;
          }
        }
        check(
            problem.withLayout(
                BlockSparseLayout.ofBlocks(
                    TokenBlocks.uniform(
                        shape.tokens(), 32, BlockRows.of(blocks, indptr, indices)))),
            "registers",
            allowed(dtype, 2e-3));
      }
    }
  }

  @TestFactory
  @Tag("full")
  List<DynamicTest> float32Conforms() {
    return KernelConformance.frameTests(kernel, DType.F32, 1e-4);
  }

  /** The largest relative error: a tighter one in float32. */
  private static double allowed(DType dtype, double narrow) {
    return dtype == DType.F32 ? 1e-4 : narrow;
  }

  private AttentionProblem draw(DType dtype, double odds) {
    return RandomProblem.draw(SHAPE, dtype, odds, 1, seed, arena);
  }

  private void check(AttentionProblem problem, String path, double allowed) {
    compare(problem, run(problem, path), allowed);
  }

  private AttentionOutput run(AttentionProblem problem, String path) {
    AttentionOutput output = AttentionOutput.allocateWithLogSumExp(problem.shape(), arena);
    String name = kernel.run(problem, output).kernel();
    String type = problem.inputs().dtype().name().toLowerCase(Locale.ROOT);
    assertEquals("tornado-tensorcore-" + type + "-" + path, name, "seed " + seed);
    return output;
  }

  private void compare(AttentionProblem problem, AttentionOutput output, double allowed) {
    AttentionOutput expected = AttentionOutput.allocateWithLogSumExp(problem.shape(), arena);
    ReferenceAttention.run(problem, expected);
    near(output.out(), expected.out(), allowed);
    near(output.logSumExp().orElseThrow(), expected.logSumExp().orElseThrow(), allowed);
  }

  private void near(MemorySegment actual, MemorySegment expected, double allowed) {
    double error = KernelConformance.relativeError(actual, expected);
    assertTrue(error <= allowed, "relative error " + error + ", seed " + seed);
  }
}
