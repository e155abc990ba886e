// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The orders of tokens that a layout refers to, of queries, and of keys and values. {@link
 * AttentionKernel#prepare(AttentionInputs, TokenOrders)} runs such a layout on tokens that lie in
 * their usual order.
 *
 * @param query the order of the queries: one for all query heads, or one per query head
 * @param key the order of keys and values: one for all query heads, or one per query head
 */
public record TokenOrders(List<TokenOrder> query, List<TokenOrder> key) {

  /**
   * @throws IllegalArgumentException if a list is empty, or the orders differ in length
   */
  public TokenOrders {
    query = List.copyOf(query);
    key = List.copyOf(key);
    if (query.isEmpty() || key.isEmpty()) {
      throw new IllegalArgumentException(
          "there must be at least one order of queries and one of keys, got "
              + query.size()
              + " and "
              + key.size());
    }
    int tokens = query.getFirst().tokens();
    for (List<TokenOrder> orders : List.of(query, key)) {
      for (TokenOrder order : orders) {
        if (order.tokens() != tokens) {
          throw new IllegalArgumentException(
              "token orders must have the same length, got " + tokens + " and " + order.tokens());
        }
      }
    }
  }

  /** One order for queries, keys and values of all heads. */
  public static TokenOrders of(TokenOrder order) {
    return new TokenOrders(List.of(order), List.of(order));
  }

  /** Number of tokens. */
  public int tokens() {
    return query.getFirst().tokens();
  }

  /** Whether every token stays where it is. */
  public boolean areIdentity() {
    TokenOrder identity = TokenOrder.identity(tokens());
    return query.stream().allMatch(identity::equals) && key.stream().allMatch(identity::equals);
  }

  /**
   * Checks that the orders are for this many tokens and heads.
   *
   * @throws IllegalArgumentException if they are not
   */
  public void check(AttentionShape shape) {
    if (tokens() != shape.tokens()) {
      throw new IllegalArgumentException(
          "token orders are for " + tokens() + " tokens, the shape has " + shape.tokens());
    }
    for (List<TokenOrder> list : List.of(query, key)) {
      if (list.size() != 1 && list.size() != shape.heads()) {
        throw new IllegalArgumentException(
            "token orders are for " + list.size() + " heads, the shape has " + shape.heads());
      }
    }
  }

  /**
   * Checks that a layout can refer to tokens in another order: a layout of frames refers to frames
   * that are not there any more, unless it is dense.
   *
   * @throws IllegalArgumentException if it cannot
   */
  public static void check(BlockSparseLayout layout) {
    if (layout.isFrames() && !layout.isDense()) {
      throw new IllegalArgumentException(
          "a layout of frames does not fit tokens in another order, use one of token blocks");
    }
  }

  /**
   * The shape of inputs in these orders: with a key/value head per query head if heads that share
   * one want it in different orders, so that keys and values have to be repeated.
   */
  public AttentionShape shape(AttentionShape shape) {
    return sharesKeys(shape)
        ? shape
        : new AttentionShape(
            shape.batch(),
            shape.latentFrames(),
            shape.patchesPerFrame(),
            shape.textTokens(),
            shape.heads(),
            shape.heads(),
            shape.headDim());
  }

  /** Whether heads that share keys want them in the same order. */
  private boolean sharesKeys(AttentionShape shape) {
    int group = shape.headsPerKvHead();
    for (int head = 0; head < key.size(); head++) {
      if (!key.get(head).equals(key.get(head / group * group))) {
        return false;
      }
    }
    return true;
  }

  /** The orders of keys and values: one, or one per key/value head of {@code shape(shape)}. */
  public List<TokenOrder> keyOrders(AttentionShape shape) {
    AttentionShape ordered = shape(shape);
    return key.size() == 1
        ? key
        : IntStream.range(0, ordered.kvHeads())
            .mapToObj(head -> key.get(head * ordered.headsPerKvHead()))
            .toList();
  }

  /** Query, key and value in these orders, of the shape {@code shape(inputs.shape())}. */
  public AttentionInputs apply(AttentionInputs inputs, Arena arena) {
    AttentionShape from = inputs.shape();
    check(from);
    AttentionShape to = shape(from);
    DType dtype = inputs.dtype();
    MemorySegment query = arena.allocate(to.queryElements() * dtype.bytes(), 64);
    MemorySegment key = arena.allocate(to.keyElements() * dtype.bytes(), 64);
    MemorySegment value = arena.allocate(to.keyElements() * dtype.bytes(), 64);
    long vector = (long) from.headDim() * dtype.bytes();
    TokenMoves queries =
        new TokenMoves(from.batch(), from.tokens(), from.heads(), to.heads(), vector);
    TokenMoves keys =
        new TokenMoves(from.batch(), from.tokens(), from.kvHeads(), to.kvHeads(), vector);
    queries.gather(inputs.query(), query, query());
    keys.gather(inputs.key(), key, keyOrders(from));
    keys.gather(inputs.value(), value, keyOrders(from));
    return new AttentionInputs(to, dtype, query, key, value);
  }

  /** Brings an output, and its log-sum-exp if both have one, back into the usual order. */
  public void undo(AttentionShape shape, AttentionOutput ordered, AttentionOutput usual) {
    check(shape);
    outputs(shape).scatter(ordered.out(), usual.out(), query);
    if (ordered.logSumExp().isPresent() && usual.logSumExp().isPresent()) {
      sums(shape).scatter(ordered.logSumExp().get(), usual.logSumExp().get(), query);
    }
  }

  private static TokenMoves outputs(AttentionShape shape) {
    return new TokenMoves(
        shape.batch(),
        shape.tokens(),
        shape.heads(),
        shape.heads(),
        (long) shape.headDim() * Float.BYTES);
  }

  private static TokenMoves sums(AttentionShape shape) {
    return new TokenMoves(shape.batch(), shape.tokens(), shape.heads(), shape.heads(), Float.BYTES);
  }
}
