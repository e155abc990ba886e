// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.toolkit.blockpattern.BatchLayout;
import org.lvsa.toolkit.blockpattern.OrderedLayout;

/**
 * Which keys each query attends to, with tokens named as they stand in the sequence, whatever order
 * the layout refers to.
 */
final class VisibleKeys {
  private final List<List<Head>> sequences;

  /** The queries of one head, or of all heads if they are alike. */
  private record Head(int[] queries, int[] keys, boolean keysMove, List<KeyRanges> groups) {}

  /** The keys under a layout that a kernel really computes. */
  VisibleKeys(AttentionShape shape, BatchLayout layout) {
    Map<TokenOrder, Boolean> moves = new HashMap<>();
    sequences = layout.sequences().stream().map(one -> heads(shape, one, moves)).toList();
  }

  private static List<Head> heads(
      AttentionShape shape, OrderedLayout layout, Map<TokenOrder, Boolean> moves) {
    List<TokenOrder> queries = layout.orders().query();
    List<TokenOrder> keys = layout.orders().key();
    int heads = Math.max(layout.layout().heads(), Math.max(queries.size(), keys.size()));
    List<List<KeyRanges>> groups =
        IntStream.range(0, layout.layout().heads())
            .mapToObj(head -> KeyRanges.of(shape, layout.layout(), head))
            .toList();
    return IntStream.range(0, heads)
        .mapToObj(
            head -> {
              TokenOrder order = of(keys, head);
              boolean moved =
                  moves.computeIfAbsent(order, o -> !o.equals(TokenOrder.identity(shape.tokens())));
              return new Head(of(queries, head).source(), order.source(), moved, of(groups, head));
            })
        .toList();
  }

  private static <T> T of(List<T> list, int index) {
    return list.get(list.size() == 1 ? 0 : index);
  }

  /** The token whose query stands at a position of the layout. */
  int token(int sequence, int head, int position) {
    return head(sequence, head).queries()[position];
  }

  /**
   * The keys of the query at a position of the layout.
   *
   * @return a group of that one query, by the numbers of the tokens
   */
  KeyRanges of(int sequence, int head, int position) {
    Head own = head(sequence, head);
    KeyRanges there =
        own.groups().stream()
            .filter(
                group ->
                    group.firstQuery() <= position
                        && position < group.firstQuery() + group.queryCount())
            .findFirst()
            .orElseThrow()
            .forQuery(position);
    int token = own.queries()[position];
    if (!own.keysMove()) {
      return new KeyRanges(token, 1, there.keyStarts(), there.keyCounts());
    }
    int[] tokens = new int[there.keys()];
    int next = 0;
    for (int run = 0; run < there.keyStarts().length; run++) {
      for (int i = 0; i < there.keyCounts()[run]; i++) {
        tokens[next++] = own.keys()[there.keyStarts()[run] + i];
      }
    }
    Arrays.sort(tokens);
    return runs(token, tokens);
  }

  private Head head(int sequence, int head) {
    return of(of(sequences, sequence), head);
  }

  private static KeyRanges runs(int query, int[] ascending) {
    int[] starts = new int[ascending.length];
    int[] counts = new int[ascending.length];
    int runs = 0;
    for (int token : ascending) {
      if (runs > 0 && starts[runs - 1] + counts[runs - 1] == token) {
        counts[runs - 1]++;
      } else {
        starts[runs] = token;
        counts[runs++] = 1;
      }
    }
    return new KeyRanges(query, 1, Arrays.copyOf(starts, runs), Arrays.copyOf(counts, runs));
  }
}
