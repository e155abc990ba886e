// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Tokens brought into an order and back, by hand. */
class TokenOrdersTest {
  private static final TokenOrder TURNED = new TokenOrder(new int[] {2, 0, 1});
  private static final TokenOrder USUAL = TokenOrder.identity(3);

  /** One sequence of three tokens, two heads of one element: element {@code 10 · token + head}. */
  private static MemorySegment numbers(Arena arena, int heads) {
    MemorySegment numbers = arena.allocate(3L * heads * Float.BYTES, 64);
    for (int token = 0; token < 3; token++) {
      for (int head = 0; head < heads; head++) {
        DType.F32.set(numbers, (long) token * heads + head, 10 * token + head);
      }
    }
    return numbers;
  }

  private static List<Integer> read(MemorySegment numbers) {
    return LongStream.range(0, numbers.byteSize() / Float.BYTES)
        .mapToObj(i -> (int) DType.F32.get(numbers, i))
        .toList();
  }

  @Test
  void tokensStandWhereTheOrderOfTheirHeadSays() {
    AttentionShape shape = new AttentionShape(1, 3, 1, 0, 2, 1, 1);
    TokenOrders orders = new TokenOrders(List.of(TURNED, USUAL), List.of(USUAL, TURNED));
    try (Arena arena = Arena.ofShared()) {
      AttentionInputs inputs =
          new AttentionInputs(
              shape, DType.F32, numbers(arena, 2), numbers(arena, 1), numbers(arena, 1));
      AttentionInputs moved = orders.apply(inputs, arena);
      assertEquals(List.of(20, 1, 0, 11, 10, 21), read(moved.query()));
      // The one key head is repeated, since the two query heads want it in different orders.
      assertEquals(2, moved.shape().kvHeads());
      assertEquals(List.of(0, 20, 10, 0, 20, 10), read(moved.key()));
      AttentionOutput back = AttentionOutput.allocate(shape, arena);
      orders.undo(shape, new AttentionOutput(moved.query(), Optional.empty()), back);
      assertEquals(read(inputs.query()), read(back.out()));
    }
  }

  @Test
  void keysAreSharedWhereTheHeadsOfAGroupAgree() {
    AttentionShape shape = new AttentionShape(1, 3, 1, 0, 4, 2, 1);
    TokenOrders agree = new TokenOrders(List.of(USUAL), List.of(TURNED, TURNED, USUAL, USUAL));
    assertEquals(shape, agree.shape(shape));
    assertEquals(List.of(TURNED, USUAL), agree.keyOrders(shape));
    TokenOrders differ = new TokenOrders(List.of(USUAL), List.of(TURNED, USUAL, USUAL, USUAL));
    assertEquals(4, differ.shape(shape).kvHeads());
    assertEquals(differ.key(), differ.keyOrders(shape));
    assertTrue(new TokenOrders(List.of(USUAL), List.of(USUAL, USUAL)).areIdentity());
  }

  @Test
  void gatherAndScatterAreInverse() {
    // More tokens than a thread takes at a time.
    int tokens = 700;
    int[] source = new int[tokens];
    for (int i = 0; i < tokens; i++) {
      source[i] = (i * 3 + 5) % tokens;
    }
    for (int heads : new int[] {1, 3}) {
      List<TokenOrder> orders =
          heads == 1
              ? List.of(new TokenOrder(source))
              : List.of(
                  new TokenOrder(source),
                  TokenOrder.identity(tokens),
                  new TokenOrder(source).inverse());
      TokenMoves moves = new TokenMoves(2, tokens, 3, 3, 10);
      byte[] bytes = new byte[2 * tokens * 3 * 10];
      new SplittableRandom(heads).nextBytes(bytes);
      MemorySegment from = MemorySegment.ofArray(bytes);
      MemorySegment moved = MemorySegment.ofArray(new byte[bytes.length]);
      MemorySegment back = MemorySegment.ofArray(new byte[bytes.length]);
      moves.gather(from, moved, orders);
      assertTrue(from.mismatch(moved) >= 0);
      moves.scatter(moved, back, orders);
      assertEquals(-1, from.mismatch(back), heads + " orders");
    }
  }
}
