// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.function.Executable;

/** Layouts of token blocks: any sizes, a matrix per head, parts of blocks, queries without keys. */
final class BlockCases {
  private final KernelConformance suite;
  private final DType dtype;
  private final int headDim;
  private final String name;

  private BlockCases(KernelConformance suite, DType dtype, int headDim) {
    this.suite = suite;
    this.dtype = dtype;
    this.headDim = headDim;
    name = " " + dtype + " headDim " + headDim;
  }

  static void add(KernelConformance suite, DType dtype, int headDim) {
    BlockCases cases = new BlockCases(suite, dtype, headDim);
    // No block size is a multiple of the 29 patches: blocks straddle frames, and video and text.
    AttentionShape shape = KernelConformance.shape(1, 9, 29, 7, 2, 2, headDim);
    for (int size : new int[] {16, 32, 64, 128}) {
      cases.compare("blocks of " + size, shape, random -> cases.uniform(shape, size, random));
    }
    // A row of 30 patches is no multiple of the 8 columns that some kernels pad to.
    AttentionShape even = KernelConformance.shape(1, 6, 30, 5, 1, 1, headDim);
    AttentionShape eights = KernelConformance.shape(1, 6, 32, 5, 1, 1, headDim);
    for (AttentionShape ragged : List.of(shape, even, eights)) {
      cases.compare(
          "ragged blocks, P " + ragged.patchesPerFrame(),
          ragged,
          random -> BlockSparseLayout.ofBlocks(RandomProblem.ragged(ragged.tokens(), 0.4, random)));
    }
    AttentionShape grouped = KernelConformance.shape(2, 5, 29, 7, 4, 2, headDim);
    cases.compare(
        "a matrix per head, GQA 4 over 2, batch 2", grouped, random -> perHead(grouped, random));
    cases.compare(
        "one block",
        shape,
        random ->
            BlockSparseLayout.ofBlocks(
                TokenBlocks.uniform(
                    shape.tokens(), 1000, BlockRows.of(1, new int[] {0, 1}, new int[] {0}))));
    cases.compare(
        "single tokens",
        KernelConformance.shape(1, 3, 13, 2, 1, 1, headDim),
        random ->
            BlockSparseLayout.ofBlocks(
                TokenBlocks.uniform(41, 1, RandomProblem.rows(41, 41, 0.3, random))));
    cases.compare("counts of valid keys", shape, random -> cases.counts(shape, random));
    cases.compare("bands", shape, random -> cases.bands(shape, random));
    cases.test("rows without keys", cases::emptyRows);
    cases.test("a pattern and its complement are dense", cases::complement);
    cases.test("frames and blocks in turn", cases::inTurn);
    cases.test("what a band leaves out does not matter", cases::outsideBand);
  }

  private void test(String what, Executable body) {
    suite.test(what + name, body);
  }

  private void compare(
      String what, AttentionShape shape, Function<SplittableRandom, BlockSparseLayout> layout) {
    test(
        what,
        () -> {
          try (Arena arena = Arena.ofShared()) {
            suite.compare(
                draw(shape, arena).withLayout(layout.apply(new SplittableRandom(suite.seed() + 1))),
                suite.tolerance(dtype));
          }
        });
  }

  private AttentionProblem draw(AttentionShape shape, Arena arena) {
    return RandomProblem.draw(shape, dtype, 1, 1, suite.seed(), arena);
  }

  private BlockSparseLayout uniform(AttentionShape shape, int size, SplittableRandom random) {
    int blocks = Math.ceilDiv(shape.tokens(), size);
    return BlockSparseLayout.ofBlocks(
        TokenBlocks.uniform(shape.tokens(), size, RandomProblem.rows(blocks, blocks, 0.4, random)));
  }

  private static BlockSparseLayout perHead(AttentionShape shape, SplittableRandom random) {
    return BlockSparseLayout.ofBlocks(
        IntStream.range(0, shape.heads())
            .mapToObj(head -> RandomProblem.ragged(shape.tokens(), 0.2 + 0.2 * head, random))
            .toList());
  }

  /** Blocks of which only the first or the last keys are valid, as with padded text. */
  private BlockSparseLayout counts(AttentionShape shape, SplittableRandom random) {
    return parts(
        shape,
        random,
        keys ->
            switch (random.nextInt(3)) {
              case 0 -> new BlockPart.Head(random.nextInt(keys + 1));
              case 1 -> new BlockPart.Tail(random.nextInt(keys + 1));
              default -> BlockPart.FULL;
            });
  }

  /** A band along the diagonal, a second one of another width, and full blocks beside them. */
  private BlockSparseLayout bands(AttentionShape shape, SplittableRandom random) {
    return parts(
        shape,
        random,
        keys ->
            switch (random.nextInt(4)) {
              case 0 -> BlockPart.FULL;
              case 1 -> new BlockPart.Head(random.nextInt(keys + 1));
              case 2 -> new BlockPart.Band(random.nextInt(shape.tokens()));
              default -> new BlockPart.Band(40);
            });
  }

  private BlockSparseLayout parts(
      AttentionShape shape, SplittableRandom random, Function<Integer, BlockPart> part) {
    TokenBlocks full = RandomProblem.ragged(shape.tokens(), 0.6, random);
    BlockRows rows = full.rows();
    List<BlockPart> parts = new ArrayList<>();
    for (int column : rows.indices()) {
      parts.add(part.apply(full.keySize(column)));
    }
    return BlockSparseLayout.ofBlocks(
        TokenBlocks.of(
            IntStream.range(0, rows.rows()).map(full::querySize).toArray(),
            IntStream.range(0, rows.columns()).map(full::keySize).toArray(),
            BlockRows.of(rows.columns(), rows.indptr(), rows.indices(), parts)));
  }

  private AttentionOutput run(AttentionProblem problem, Arena arena) {
    AttentionOutput output = AttentionOutput.allocateWithLogSumExp(problem.shape(), arena);
    output.out().fill((byte) 0x7F);
    suite.kernel().run(problem, output);
    return output;
  }

  /** Blocks 1 and 3 of one head, and all of the other head, attend to nothing. */
  private void emptyRows() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = KernelConformance.shape(1, 2, 40, 3, 2, 1, headDim);
      BlockRows some = BlockRows.of(4, new int[] {0, 1, 1, 3, 3}, new int[] {2, 0, 3});
      BlockRows none = BlockRows.of(1, new int[] {0, 0}, new int[0]);
      int[] sizes = {16, 17, 30, 20};
      BlockSparseLayout layout =
          BlockSparseLayout.ofBlocks(
              List.of(
                  TokenBlocks.of(sizes, sizes, some),
                  TokenBlocks.of(new int[] {83}, new int[] {83}, none)));
      AttentionProblem problem = draw(shape, arena).withLayout(layout);
      suite.compare(problem, suite.tolerance(dtype));
      AttentionOutput output = run(problem, arena);
      for (int row = 0; row < 2 * shape.tokens(); row++) {
        int token = row / 2;
        boolean empty = row % 2 == 1 || token >= 16 && token < 33 || token >= 63;
        float logSumExp = DType.F32.get(output.logSumExp().get(), row);
        assertEquals(empty, logSumExp == Float.NEGATIVE_INFINITY, "row " + row);
        for (int d = 0; d < headDim; d++) {
          float out = DType.F32.get(output.out(), (long) row * headDim + d);
          assertTrue(empty ? out == 0 : Float.isFinite(out), "row " + row + " has " + out);
        }
      }
    }
  }

  private void complement() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = KernelConformance.shape(1, 6, 29, 7, 2, 1, headDim);
      SplittableRandom random = new SplittableRandom(suite.seed());
      List<TokenBlocks> some = new ArrayList<>();
      List<TokenBlocks> others = new ArrayList<>();
      for (int head = 0; head < 2; head++) {
        TokenBlocks blocks = RandomProblem.ragged(shape.tokens(), 0.4, random);
        some.add(blocks);
        others.add(complement(blocks));
      }
      AttentionProblem problem = draw(shape, arena);
      AttentionOutput dense = run(problem.dense(), arena);
      AttentionOutput left = run(problem.withLayout(BlockSparseLayout.ofBlocks(some)), arena);
      AttentionOutput right = run(problem.withLayout(BlockSparseLayout.ofBlocks(others)), arena);
      PartialAttention.merge(shape, left, right);
      double allowed = 2 * suite.tolerance(dtype);
      double error = KernelConformance.relativeError(left.out(), dense.out());
      assertTrue(error <= allowed, "relative error of the output " + error);
      double lse =
          KernelConformance.logSumExpError(left.logSumExp().get(), dense.logSumExp().get());
      assertTrue(lse <= allowed, "relative error of the log-sum-exp " + lse);
    }
  }

  private static TokenBlocks complement(TokenBlocks blocks) {
    BlockRows rows = blocks.rows();
    int[] indptr = new int[rows.rows() + 1];
    List<Integer> indices = new ArrayList<>();
    for (int row = 0; row < rows.rows(); row++) {
      int next = 0;
      for (int column = 0; column < rows.columns(); column++) {
        if (next < rows.count(row) && rows.index(row, next) == column) {
          next++;
        } else {
          indices.add(column);
        }
      }
      indptr[row + 1] = indices.size();
    }
    return TokenBlocks.of(
        IntStream.range(0, rows.rows()).map(blocks::querySize).toArray(),
        IntStream.range(0, rows.columns()).map(blocks::keySize).toArray(),
        BlockRows.of(
            rows.columns(), indptr, indices.stream().mapToInt(Integer::intValue).toArray()));
  }

  /** What was prepared once runs layouts of both kinds, of one matrix and of several. */
  private void inTurn() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = KernelConformance.shape(1, 5, 29, 7, 2, 1, headDim);
      SplittableRandom random = new SplittableRandom(suite.seed());
      AttentionProblem problem = draw(shape, arena);
      List<BlockSparseLayout> layouts =
          List.of(
              RandomProblem.layout(5, 0.4, random),
              uniform(shape, 16, random),
              perHead(shape, random),
              RandomProblem.layout(5, 0.4, random),
              uniform(shape, 64, random));
      try (PreparedAttention prepared = suite.kernel().prepare(problem.inputs())) {
        for (BlockSparseLayout layout : layouts) {
          AttentionOutput expected = AttentionOutput.allocateWithLogSumExp(shape, arena);
          AttentionOutput actual = AttentionOutput.allocateWithLogSumExp(shape, arena);
          ReferenceAttention.run(problem.withLayout(layout), expected);
          prepared.run(layout, actual);
          double error = KernelConformance.relativeError(actual.out(), expected.out());
          assertTrue(error <= suite.tolerance(dtype), layout + " has error " + error);
          double lse =
              KernelConformance.logSumExpError(
                  actual.logSumExp().get(), expected.logSumExp().get());
          assertTrue(lse <= suite.tolerance(dtype), layout + " has log-sum-exp error " + lse);
        }
      }
    }
  }

  /** Keys 60 and 75 hold NaN and infinity; a band of 20 keeps the queries up to 39 from both. */
  private void outsideBand() {
    if (!suite.kernel().runsBands()) {
      return;
    }
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = KernelConformance.shape(1, 4, 29, 0, 2, 1, headDim);
      BlockSparseLayout layout =
          BlockSparseLayout.ofBlocks(
              TokenBlocks.uniform(
                  shape.tokens(),
                  shape.tokens(),
                  BlockRows.of(
                      1, new int[] {0, 1}, new int[] {0}, List.of(new BlockPart.Band(20)))));
      AttentionProblem problem = draw(shape, arena).withLayout(layout);
      set(problem.value(), 60, Float.NaN);
      set(problem.value(), 75, Float.POSITIVE_INFINITY);
      set(problem.key(), 60, Float.NaN);
      AttentionOutput output = run(problem, arena);
      AttentionOutput expected = AttentionOutput.allocate(shape, arena);
      ReferenceAttention.run(problem, expected);
      double allowed = 10 * suite.tolerance(dtype);
      for (long i = 0; i < shape.queryElements(); i++) {
        float e = DType.F32.get(expected.out(), i);
        float a = DType.F32.get(output.out(), i);
        assertTrue(i / headDim / 2 >= 40 || Float.isFinite(a), "element " + i + " is " + a);
        if (Float.isFinite(e)) {
          assertTrue(Math.abs(a - e) <= allowed * Math.max(1, Math.abs(e)), i + ": " + a + " " + e);
        } else {
          assertEquals(e, a, "element " + i);
        }
      }
    }
  }

  private void set(MemorySegment memory, int token, float value) {
    dtype.set(memory, (long) token * headDim + 1, value);
  }
}
