// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * NaN and infinities in query, key and value: the rule of {@link AttentionKernel}, compared with
 * the reference element by element, and some of it written out.
 */
final class NonFiniteCases {
  /** A NaN whose low bits are set too: bit tricks that keep the usual one may lose this one. */
  private static final float NAN = Float.intBitsToFloat(0x7FC12345);

  private static final float INFINITY = Float.POSITIVE_INFINITY;
  private static final float[] SPECIAL = {NAN, INFINITY, -INFINITY};

  private final KernelConformance suite;
  private final DType dtype;
  private final AttentionShape shape;

  /** Frame 2 attends to the frames 0 and 2 and to the text, frame 3 to the text alone. */
  private final BlockSparseLayout layout =
      BlockSparseLayout.of(4, new int[] {0, 2, 4, 6, 6}, new int[] {0, 1, 0, 1, 0, 2});

  private NonFiniteCases(KernelConformance suite, DType dtype, int headDim) {
    this.suite = suite;
    this.dtype = dtype;
    // More keys than a tile of any kernel, and neither patches nor text a multiple of one.
    shape = new AttentionShape(1, 4, 70, 5, 2, 1, headDim);
  }

  static void add(KernelConformance suite, DType dtype, int headDim) {
    NonFiniteCases cases = new NonFiniteCases(suite, dtype, headDim);
    for (float special : SPECIAL) {
      String name = dtype + " headDim " + headDim + " " + special;
      // One in the first tile of keys that a query reads, one in a later tile.
      for (int token : new int[] {3, 139}) {
        cases.test(name + " in query " + token, p -> set(p.query(), p, 2L * token, 1, special));
        cases.test(name + " in key " + token, p -> set(p.key(), p, token, 2, special));
        cases.test(name + " in value " + token, p -> set(p.value(), p, token, 3, special));
      }
      cases.test(name + " in a text key", p -> set(p.key(), p, 283, 2, special));
      cases.test(name + " in a text query", p -> set(p.query(), p, 2L * 283, 2, special));
    }
    String name = dtype + " headDim " + headDim;
    cases.test(
        name + " both infinities in value",
        p -> {
          set(p.value(), p, 5, 3, INFINITY);
          set(p.value(), p, 77, 3, -INFINITY);
        });
    cases.test(
        name + " infinite value under weight 0",
        p -> {
          cases.scoresOfKey(p, 5, -INFINITY);
          set(p.value(), p, 5, 3, INFINITY);
        });
    suite.test(name + " scores minus infinity, some and all", cases::minusInfinity);
    suite.test(name + " scores NaN or plus infinity", cases::nan);
    suite.test(name + " what is not attended does not matter", cases::notAttended);
    suite.test(name + " a part with scores of minus infinity merges", cases::merged);
  }

  /** Element {@code d} of a vector, counted in vectors of one head. */
  private static void set(
      MemorySegment memory, AttentionProblem problem, long vector, int d, float value) {
    problem.dtype().set(memory, vector * problem.shape().headDim() + d, value);
  }

  /** Makes every query's score against a key infinite: element 0 of all queries is positive. */
  private void scoresOfKey(AttentionProblem problem, int key, float infinity) {
    for (long vector = 0; vector < 2L * shape.tokens(); vector++) {
      set(problem.query(), problem, vector, 0, 0.5f);
    }
    set(problem.key(), problem, key, 0, infinity);
  }

  private interface Change {
    void to(AttentionProblem problem);
  }

  private AttentionProblem draw(Arena arena) {
    return RandomProblem.draw(shape, dtype, 1, 1, suite.seed(), arena).withLayout(layout);
  }

  /** Every output and log-sum-exp is finite, NaN, or an infinity where the reference's is. */
  private void test(String name, Change change) {
    suite.test(
        name,
        () -> {
          try (Arena arena = Arena.ofShared()) {
            AttentionProblem problem = draw(arena);
            change.to(problem);
            AttentionOutput expected = AttentionOutput.allocateWithLogSumExp(shape, arena);
            ReferenceAttention.run(problem, expected);
            same(expected, run(problem, arena));
          }
        });
  }

  private AttentionOutput run(AttentionProblem problem, Arena arena) {
    AttentionOutput actual = AttentionOutput.allocateWithLogSumExp(shape, arena);
    suite.kernel().run(problem, actual);
    return actual;
  }

  private void same(AttentionOutput expected, AttentionOutput actual) {
    same("output", expected.out(), actual.out());
    same("log-sum-exp", expected.logSumExp().get(), actual.logSumExp().get());
  }

  private void same(String what, MemorySegment expected, MemorySegment actual) {
    double allowed = 10 * suite.tolerance(dtype);
    for (long i = 0; i < expected.byteSize() / Float.BYTES; i++) {
      float e = DType.F32.get(expected, i);
      float a = DType.F32.get(actual, i);
      if (Float.isFinite(e)) {
        assertTrue(
            Math.abs(a - e) <= allowed * Math.max(1, Math.abs(e)),
            what + " element " + i + " is " + a + ", the reference has " + e);
      } else {
        assertEquals(e, a, what + " element " + i);
      }
    }
  }

  /** Keys whose score is −∞ do not count; the output of a row that has no other keys is NaN. */
  private void minusInfinity() throws Exception {
    try (Arena arena = Arena.ofShared()) {
      AttentionProblem problem = draw(arena);
      for (int key = 0; key < 140; key++) {
        scoresOfKey(problem, key, -INFINITY);
      }
      AttentionOutput actual = run(problem, arena);
      AttentionOutput expected = AttentionOutput.allocateWithLogSumExp(shape, arena);
      ReferenceAttention.run(problem, expected);
      same(expected, actual);
      // Frame 0 has the text's five keys left.
      assertTrue(Float.isFinite(DType.F32.get(actual.out(), 0)));
      for (int key = 140; key < shape.tokens(); key++) {
        scoresOfKey(problem, key, -INFINITY);
      }
      actual = run(problem, arena);
      for (long i = 0; i < shape.queryElements(); i++) {
        assertTrue(Float.isNaN(DType.F32.get(actual.out(), i)), "element " + i);
      }
      for (long i = 0; i < shape.logSumExpElements(); i++) {
        assertEquals(-INFINITY, DType.F32.get(actual.logSumExp().get(), i), "row " + i);
      }
    }
  }

  /** A row with a score of NaN or +∞ is NaN, its log-sum-exp too, and no other row is. */
  private void nan() throws Exception {
    for (float special : new float[] {NAN, INFINITY}) {
      try (Arena arena = Arena.ofShared()) {
        AttentionProblem problem = draw(arena);
        scoresOfKey(problem, 75, special);
        AttentionOutput actual = run(problem, arena);
        for (int token = 0; token < shape.tokens(); token++) {
          // Token 75 is in frame 1: the frames 0 and 1 and the text attend to it.
          boolean reads = token < 140 || token >= 280;
          for (long row = 2L * token; row < 2L * token + 2; row++) {
            float logSumExp = DType.F32.get(actual.logSumExp().get(), row);
            assertEquals(reads, Float.isNaN(logSumExp), "row " + row);
            for (int d = 0; d < shape.headDim(); d++) {
              float out = DType.F32.get(actual.out(), row * shape.headDim() + d);
              assertEquals(reads, Float.isNaN(out), "row " + row + " element " + d);
              assertTrue(reads || Float.isFinite(out), "row " + row + " element " + d);
            }
          }
        }
      }
    }
  }

  /** Frames that nobody attends to may hold anything, also beside frames that somebody reads. */
  private void notAttended() throws Exception {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape video = new AttentionShape(1, 4, 70, 0, 2, 1, shape.headDim());
      AttentionProblem problem =
          RandomProblem.draw(video, dtype, 1, 1, suite.seed(), arena)
              .withLayout(
                  BlockSparseLayout.of(4, new int[] {0, 1, 2, 4, 5}, new int[] {0, 2, 0, 2, 2}));
      AttentionOutput expected = AttentionOutput.allocateWithLogSumExp(video, arena);
      suite.kernel().run(problem, expected);
      for (int token = 0; token < video.tokens(); token++) {
        int frame = token / 70;
        for (int d = 0; d < video.headDim() && frame % 2 == 1; d++) {
          set(problem.key(), problem, token, d, SPECIAL[(token + d) % 3]);
          set(problem.value(), problem, token, d, SPECIAL[(token + d) % 3]);
        }
      }
      AttentionOutput actual = AttentionOutput.allocateWithLogSumExp(video, arena);
      suite.kernel().run(problem, actual);
      same(expected, actual);
    }
  }

  /** Frames 0 and 1 have scores of −∞ only: alone they are a part that has no weight. */
  private void merged() throws Exception {
    try (Arena arena = Arena.ofShared()) {
      AttentionProblem problem = draw(arena);
      for (int key = 0; key < 140; key++) {
        scoresOfKey(problem, key, -INFINITY);
      }
      BlockSparseLayout left =
          BlockSparseLayout.of(4, new int[] {0, 2, 4, 6, 8}, new int[] {0, 1, 0, 1, 0, 1, 0, 1});
      BlockSparseLayout right =
          BlockSparseLayout.of(4, new int[] {0, 2, 4, 6, 8}, new int[] {2, 3, 2, 3, 2, 3, 2, 3});
      AttentionShape video = new AttentionShape(1, 4, 70, 0, 2, 1, shape.headDim());
      AttentionInputs inputs =
          new AttentionInputs(
              video,
              dtype,
              part(problem.query(), video.queryElements()),
              part(problem.key(), video.keyElements()),
              part(problem.value(), video.keyElements()));
      AttentionOutput whole = AttentionOutput.allocateWithLogSumExp(video, arena);
      AttentionOutput one = AttentionOutput.allocateWithLogSumExp(video, arena);
      AttentionOutput other = AttentionOutput.allocateWithLogSumExp(video, arena);
      suite.kernel().run(new AttentionProblem(inputs, BlockSparseLayout.dense(4)), whole);
      suite.kernel().run(new AttentionProblem(inputs, left), one);
      suite.kernel().run(new AttentionProblem(inputs, right), other);
      assertTrue(Float.isNaN(DType.F32.get(one.out(), 0)));
      PartialAttention.merge(video, one, other);
      same(whole, one);
    }
  }

  private MemorySegment part(MemorySegment memory, long elements) {
    return memory.asSlice(0, elements * dtype.bytes());
  }
}
