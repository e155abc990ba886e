// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.List;

/**
 * The orders that a layout of token blocks refers to, of queries, and of keys and values.
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
}
