// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.ReferenceAttention;
import org.lvsa.kernels.ReferenceBackend;
import org.lvsa.kernels.TokenBlocks;
import org.lvsa.toolkit.tensor.Safetensors;

/** Tokens brought into an order, attended, and brought back. */
class OrderedAttentionTest {
  private static final Path MASKS = Path.of("../../../shared/golden/masks");
  private static final AttentionKernel KERNEL = new ReferenceBackend().open(KernelOptions.DEFAULT);

  private static TokenOrder shuffled(int tokens, SplittableRandom random) {
    int[] source = TokenOrder.identity(tokens).source();
    for (int i = tokens - 1; i > 0; i--) {
      int other = random.nextInt(i + 1);
      int kept = source[i];
      source[i] = source[other];
      source[other] = kept;
    }
    return new TokenOrder(source);
  }

  private static List<TokenOrder> shuffled(int heads, int tokens, SplittableRandom random) {
    return IntStream.range(0, heads).mapToObj(head -> shuffled(tokens, random)).toList();
  }

  /** Dense attention does not depend on the order of the keys, and queries come back in place. */
  @TestFactory
  Stream<DynamicTest> denseAttentionIsTheSameInAnyOrder() {
    List<DynamicTest> tests = new ArrayList<>();
    for (DType dtype : DType.values()) {
      for (int queryHeads : new int[] {1, 4}) {
        for (int keyHeads : new int[] {1, 4}) {
          String name = dtype + ", orders for " + queryHeads + " and " + keyHeads + " heads";
          tests.add(DynamicTest.dynamicTest(name, () -> denseInOrder(dtype, queryHeads, keyHeads)));
        }
      }
    }
    return tests.stream();
  }

  private static void denseInOrder(DType dtype, int queryHeads, int keyHeads) {
    long seed = KernelConformance.random().nextLong();
    SplittableRandom random = new SplittableRandom(seed);
    // More tokens than a thread takes at a time, and GQA: four heads share two keys.
    AttentionShape shape = new AttentionShape(2, 5, 60, 7, 4, 2, 8);
    TokenOrders orders =
        new TokenOrders(
            shuffled(queryHeads, shape.tokens(), random),
            shuffled(keyHeads, shape.tokens(), random));
    assertEquals(keyHeads == 1 ? 2 : 4, OrderedAttention.shape(shape, orders).kvHeads());
    try (Arena arena = Arena.ofShared()) {
      AttentionProblem problem = RandomProblem.draw(shape, dtype, 1, 1, seed, arena).dense();
      AttentionOutput expected = AttentionOutput.allocateWithLogSumExp(shape, arena);
      AttentionOutput actual = AttentionOutput.allocateWithLogSumExp(shape, arena);
      ReferenceAttention.run(problem, expected);
      try (PreparedAttention prepared =
          OrderedAttention.prepare(KERNEL, problem.inputs(), orders)) {
        assertTrue(prepared.preparation().prepareMillis() > 0, "moving takes time");
        KernelRun run = prepared.run(problem.layout(), actual);
        assertTrue(run.prepareMillis() > 0, "moving back takes time");
        assertTrue(run.extraBytes() > problem.query().byteSize(), "copies take memory");
      }
      double error = KernelConformance.relativeError(actual.out(), expected.out());
      assertTrue(error < 1e-6, "error " + error + ", seed " + seed);
      double lse =
          KernelConformance.relativeError(
              actual.logSumExp().orElseThrow(), expected.logSumExp().orElseThrow());
      assertTrue(lse < 1e-6, "log-sum-exp error " + lse + ", seed " + seed);
    }
  }

  @Test
  void gatherAndScatterAreInverse() {
    long seed = KernelConformance.random().nextLong();
    SplittableRandom random = new SplittableRandom(seed);
    for (int heads : new int[] {1, 3}) {
      TokenMoves moves = new TokenMoves(2, 700, 3, 3, 10);
      byte[] bytes = new byte[2 * 700 * 3 * 10];
      random.nextBytes(bytes);
      MemorySegment from = MemorySegment.ofArray(bytes);
      MemorySegment moved = MemorySegment.ofArray(new byte[bytes.length]);
      MemorySegment back = MemorySegment.ofArray(new byte[bytes.length]);
      List<TokenOrder> orders = shuffled(heads, 700, random);
      moves.gather(from, moved, orders);
      assertTrue(from.mismatch(moved) >= 0);
      long vector = (700L + 5) * 3 + 2;
      long source = (700L + orders.getLast().source()[5]) * 3 + 2;
      assertEquals(
          -1,
          moved.asSlice(vector * 10, 10).mismatch(from.asSlice(source * 10, 10)),
          "seed " + seed);
      moves.scatter(moved, back, orders);
      assertEquals(-1, from.mismatch(back), "seed " + seed);
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    AttentionShape shape = new AttentionShape(1, 2, 4, 0, 2, 1, 8);
    try (Arena arena = Arena.ofShared()) {
      AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 0, 1, 1, arena);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      TokenOrder order = shuffled(8, new SplittableRandom(1));
      assertEquals(
          "token orders are for 7 tokens, the shape has 8",
          assertThrows(
                  IllegalArgumentException.class,
                  () ->
                      OrderedAttention.prepare(
                          KERNEL, problem.inputs(), TokenOrders.of(TokenOrder.identity(7))))
              .getMessage());
      assertEquals(
          "token orders are for 3 heads, the shape has 2",
          assertThrows(
                  IllegalArgumentException.class,
                  () ->
                      OrderedAttention.prepare(
                          KERNEL,
                          problem.inputs(),
                          new TokenOrders(List.of(order, order, order), List.of(order))))
              .getMessage());
      PreparedAttention closed =
          OrderedAttention.prepare(KERNEL, problem.inputs(), TokenOrders.of(order));
      assertThrows(IllegalArgumentException.class, () -> closed.run(problem.layout(), output));
      closed.close();
      closed.close();
      assertThrows(
          IllegalStateException.class, () -> closed.run(BlockSparseLayout.dense(2), output));
      TokenOrders identity = TokenOrders.of(TokenOrder.identity(8));
      try (PreparedAttention prepared =
          OrderedAttention.prepare(KERNEL, problem.inputs(), identity)) {
        assertEquals(0, prepared.preparation().prepareMillis());
        prepared.run(problem.layout(), output);
      }
    }
  }

  /** Selections in their orders give the outputs that were recorded with the published masks. */
  @TestFactory
  Stream<DynamicTest> outputsEqualTheRecordedOnes() throws IOException {
    assumeTrue(Files.isDirectory(MASKS), "the golden masks are not beside the checkout");
    List<DynamicTest> tests = new ArrayList<>();
    // vsa's recorded outputs have its gated coarse attention added.
    for (String method : List.of("svg2", "sparge", "draft", "bsa", "oracle")) {
      for (JsonNode one : GoldenMasksTest.cases(method)) {
        tests.add(
            DynamicTest.dynamicTest(one.get("id").textValue(), () -> outputEquals(method, one)));
      }
    }
    assertTrue(tests.size() > 50, "only " + tests.size() + " cases");
    return tests.stream();
  }

  private static void outputEquals(String method, JsonNode one) {
    try (Arena arena = Arena.ofShared()) {
      GridInputs files =
          new GridInputs(Safetensors.open(MASKS.resolve("inputs.safetensors"), arena));
      Safetensors recorded = Safetensors.open(MASKS.resolve(method + ".out.safetensors"), arena);
      List<HeadInputs> heads = HeadCases.inputs(method, one, files);
      OrderedLayout layout = OrderedLayout.of(HeadCases.selections(method, one, files));
      AttentionShape shape =
          new AttentionShape(
              1,
              heads.getFirst().tokens(),
              1,
              0,
              heads.size(),
              heads.size(),
              heads.getFirst().headDim());
      AttentionInputs inputs =
          new AttentionInputs(
              shape,
              DType.F32,
              joined(heads.stream().map(HeadInputs::query).toList(), shape, arena),
              joined(heads.stream().map(HeadInputs::key).toList(), shape, arena),
              joined(heads.stream().map(HeadInputs::value).toList(), shape, arena));
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      try (PreparedAttention prepared = OrderedAttention.prepare(KERNEL, inputs, layout.orders())) {
        prepared.run(layout.layout(), output);
      }
      MemorySegment expected = recorded.data(one.get("id").textValue());
      assertEquals(shape.queryElements() * Float.BYTES, expected.byteSize());
      for (int head = 0; head < shape.heads(); head++) {
        for (int token = 0; token < shape.tokens(); token++) {
          for (int d = 0; d < shape.headDim(); d++) {
            long at = ((long) head * shape.tokens() + token) * shape.headDim() + d;
            assertEquals(
                DType.F32.get(expected, at),
                DType.F32.get(output.out(), shape.queryOffset(0, token, head) + d),
                2e-5f,
                "head " + head + " token " + token);
          }
        }
      }
    }
  }

  private static MemorySegment joined(List<float[]> heads, AttentionShape shape, Arena arena) {
    MemorySegment joined = arena.allocate(shape.queryElements() * Float.BYTES, 64);
    for (int head = 0; head < heads.size(); head++) {
      for (int i = 0; i < heads.get(head).length; i++) {
        int token = i / shape.headDim();
        DType.F32.set(
            joined, shape.queryOffset(0, token, head) + i % shape.headDim(), heads.get(head)[i]);
      }
    }
    return joined;
  }

  @Test
  void aStaticPatternBringsItsOrder() {
    TokenGrid grid = new TokenGrid(4, 6, 6, 5);
    SlidingTilePattern pattern = new SlidingTilePattern(new Tile(2, 3, 2), new Tile(1, 3, 1), 20);
    OrderedLayout layout = OrderedLayout.of(pattern, grid);
    assertEquals(pattern.mask(grid).densityOfTokens(), layout.layout().density(), 1e-12);
    assertEquals(List.of(pattern.order(grid)), layout.orders().query());
    TokenOrder order = pattern.order(grid);
    HeadSelection head = HeadSelection.of(order, pattern.mask(grid));
    OrderedLayout heads = OrderedLayout.of(List.of(head, head));
    assertSame(order, heads.orders().key().getFirst());
    assertEquals(1, heads.orders().key().size());
    assertEquals(2, heads.layout().heads());
  }

  /** The layout with bands has exactly the pairs that the pattern's rule gives, query by query. */
  @TestFactory
  Stream<DynamicTest> sparseVideoGenIsExactWithBands() {
    List<DynamicTest> tests = new ArrayList<>();
    for (SvgPattern.Family family : SvgPattern.Family.values()) {
      for (double density : new double[] {0.05, 0.3, 0.6}) {
        for (int block : new int[] {16, 32, 100}) {
          tests.add(
              DynamicTest.dynamicTest(
                  family + " " + density + " " + block,
                  () -> {
                    int text = family == SvgPattern.Family.WAN ? 0 : 9;
                    TokenGrid grid = new TokenGrid(6, 9, 13, text);
                    SvgPattern pattern =
                        new SvgPattern(
                            family, SvgPattern.Kind.TEMPORAL, density, 5, block, block == 32);
                    exact(pattern, grid);
                  }));
        }
      }
    }
    return tests.stream();
  }

  private static void exact(SvgPattern pattern, TokenGrid grid) {
    BlockSparseLayout layout = pattern.exactLayout(grid).layout();
    assertEquals(pattern.exactDensity(grid), layout.density(), 1e-12);
    TokenBlocks blocks = layout.blocks(0);
    AttentionShape shape = new AttentionShape(1, grid.tokens(), 1, 0, 1, 1, 8);
    KeyRanges.of(shape, layout)
        .forEach(
            group -> {
              for (int q = 0; q < group.queryCount(); q++) {
                int query = group.firstQuery() + q;
                List<int[]> runs = pattern.visible(grid, query);
                KeyRanges own = group.forQuery(query);
                assertEquals(runs.size(), own.keyStarts().length, "query " + query);
                for (int run = 0; run < runs.size(); run++) {
                  assertEquals(runs.get(run)[0], own.keyStarts()[run], "query " + query);
                  assertEquals(
                      runs.get(run)[1] - runs.get(run)[0], own.keyCounts()[run], "query " + query);
                }
              }
            });
    assertEquals(grid.tokens(), blocks.tokens());
    assertTrue(layout.superset().density() >= layout.density());
    assertTrue(layout.superset().density() <= 1);
  }
}
