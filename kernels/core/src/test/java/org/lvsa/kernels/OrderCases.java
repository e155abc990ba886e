// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Tokens brought into another order, attended, and brought back. */
final class OrderCases {
  private final KernelConformance suite;
  private final DType dtype;
  private final int headDim;

  private OrderCases(KernelConformance suite, DType dtype, int headDim) {
    this.suite = suite;
    this.dtype = dtype;
    this.headDim = headDim;
  }

  static void add(KernelConformance suite, DType dtype, int headDim) {
    OrderCases cases = new OrderCases(suite, dtype, headDim);
    for (int queryHeads : new int[] {1, 4}) {
      for (int keyHeads : new int[] {1, 4}) {
        suite.test(
            "orders for %d and %d heads, %s headDim %d"
                .formatted(queryHeads, keyHeads, dtype, headDim),
            () -> cases.inOrder(queryHeads, keyHeads));
      }
    }
    suite.test("other orders on the same buffers, " + dtype, cases::inTurn);
    if (dtype == DType.F32) {
      suite.test("orders that do not fit are refused", cases::misfits);
    }
  }

  private TokenOrder shuffled(int tokens, SplittableRandom random) {
    int[] source = TokenOrder.identity(tokens).source();
    for (int i = tokens - 1; i > 0; i--) {
      int other = random.nextInt(i + 1);
      int kept = source[i];
      source[i] = source[other];
      source[other] = kept;
    }
    return new TokenOrder(source);
  }

  private List<TokenOrder> shuffled(int heads, int tokens, SplittableRandom random) {
    return IntStream.range(0, heads).mapToObj(head -> shuffled(tokens, random)).toList();
  }

  /**
   * Dense attention does not depend on the order of the keys, and queries come back in place; what
   * blocks give is what the reference gives on tokens that were moved beforehand.
   */
  private void inOrder(int queryHeads, int keyHeads) {
    SplittableRandom random = new SplittableRandom(suite.seed());
    // More tokens than a thread takes at a time, and GQA: four heads share two keys.
    AttentionShape shape = KernelConformance.shape(2, 5, 60, 7, 4, 2, headDim);
    TokenOrders orders =
        new TokenOrders(
            shuffled(queryHeads, shape.tokens(), random),
            shuffled(keyHeads, shape.tokens(), random));
    assertEquals(keyHeads == 1 ? 2 : 4, orders.shape(shape).kvHeads());
    try (Arena arena = Arena.ofShared()) {
      AttentionProblem problem = draw(shape, arena);
      try (PreparedAttention prepared = suite.kernel().prepare(problem.inputs(), orders)) {
        assertTrue(prepared.preparation().prepareMillis() > 0, "moving takes time");
        AttentionOutput dense = AttentionOutput.allocateWithLogSumExp(shape, arena);
        ReferenceAttention.run(problem.dense(), dense);
        compare(prepared, problem.dense().layout(), shape, dense);
        BlockSparseLayout blocks =
            BlockSparseLayout.ofBlocks(RandomProblem.ragged(shape.tokens(), 0.4, random));
        compare(prepared, blocks, shape, expected(problem, orders, blocks, arena));
      }
    }
  }

  private AttentionProblem draw(AttentionShape shape, Arena arena) {
    return RandomProblem.draw(shape, dtype, 1, 1, suite.seed(), arena);
  }

  private AttentionOutput expected(
      AttentionProblem problem, TokenOrders orders, BlockSparseLayout layout, Arena arena) {
    AttentionOutput ordered = AttentionOutput.allocateWithLogSumExp(problem.shape(), arena);
    AttentionOutput usual = AttentionOutput.allocateWithLogSumExp(problem.shape(), arena);
    ReferenceAttention.run(
        new AttentionProblem(orders.apply(problem.inputs(), arena), layout), ordered);
    orders.undo(problem.shape(), ordered, usual);
    return usual;
  }

  private void compare(
      PreparedAttention prepared,
      BlockSparseLayout layout,
      AttentionShape shape,
      AttentionOutput expected) {
    try (Arena arena = Arena.ofShared()) {
      AttentionOutput actual = AttentionOutput.allocateWithLogSumExp(shape, arena);
      actual.out().fill((byte) 0x7F);
      KernelRun run = prepared.run(layout, actual);
      assertTrue(run.prepareMillis() > 0, "moving back takes time");
      assertTrue(run.extraBytes() > shape.queryElements() * dtype.bytes(), "copies take memory");
      double allowed = suite.tolerance(dtype);
      double error = KernelConformance.relativeError(actual.out(), expected.out());
      assertTrue(error <= allowed, "relative error of the output " + error);
      double lse =
          KernelConformance.logSumExpError(
              actual.logSumExp().orElseThrow(), expected.logSumExp().orElseThrow());
      assertTrue(lse <= allowed, "relative error of the log-sum-exp " + lse);
      // Somebody who wants no log-sum-exp gets the same output.
      AttentionOutput alone = AttentionOutput.allocate(shape, arena);
      prepared.run(layout, alone);
      assertEquals(-1, alone.out().mismatch(actual.out()));
    }
  }

  /** What is prepared after the first closes has its own orders, or none. */
  private void inTurn() {
    SplittableRandom random = new SplittableRandom(suite.seed());
    AttentionShape shape = KernelConformance.shape(1, 3, 50, 4, 2, 2, headDim);
    try (Arena arena = Arena.ofShared()) {
      AttentionProblem problem = draw(shape, arena);
      BlockSparseLayout blocks =
          BlockSparseLayout.ofBlocks(RandomProblem.ragged(shape.tokens(), 0.4, random));
      for (int turn = 0; turn < 3; turn++) {
        TokenOrders orders = TokenOrders.of(shuffled(shape.tokens(), random));
        try (PreparedAttention prepared = suite.kernel().prepare(problem.inputs(), orders)) {
          compare(prepared, blocks, shape, expected(problem, orders, blocks, arena));
        }
      }
      TokenOrders none = TokenOrders.of(TokenOrder.identity(shape.tokens()));
      AttentionOutput expected = AttentionOutput.allocate(shape, arena);
      AttentionOutput actual = AttentionOutput.allocate(shape, arena);
      ReferenceAttention.run(problem.withLayout(blocks), expected);
      try (PreparedAttention prepared = suite.kernel().prepare(problem.inputs(), none)) {
        prepared.run(blocks, actual);
      }
      double error = KernelConformance.relativeError(actual.out(), expected.out());
      assertTrue(error <= suite.tolerance(dtype), "relative error of the output " + error);
    }
  }

  private void misfits() {
    AttentionShape shape = KernelConformance.shape(1, 2, 4, 0, 2, 1, headDim);
    try (Arena arena = Arena.ofShared()) {
      AttentionProblem problem =
          draw(shape, arena)
              .withLayout(BlockSparseLayout.of(2, new int[] {0, 1, 2}, new int[] {0, 1}));
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      TokenOrder order = shuffled(8, new SplittableRandom(1));
      AttentionKernel kernel = suite.kernel();
      TokenOrders shorter = TokenOrders.of(TokenOrder.identity(7));
      assertEquals(
          "token orders are for 7 tokens, the shape has 8",
          assertThrows(
                  IllegalArgumentException.class, () -> kernel.prepare(problem.inputs(), shorter))
              .getMessage());
      TokenOrders three = new TokenOrders(List.of(order, order, order), List.of(order));
      assertEquals(
          "token orders are for 3 heads, the shape has 2",
          assertThrows(
                  IllegalArgumentException.class, () -> kernel.prepare(problem.inputs(), three))
              .getMessage());
      PreparedAttention closed = kernel.prepare(problem.inputs(), TokenOrders.of(order));
      assertThrows(IllegalArgumentException.class, () -> closed.run(problem.layout(), output));
      closed.close();
      closed.close();
      assertThrows(
          IllegalStateException.class, () -> closed.run(BlockSparseLayout.dense(2), output));
    }
  }
}
