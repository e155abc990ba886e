// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionShape;

/**
 * The exchange between ranks that each hold some tokens of all heads, and the same ranks holding
 * all tokens of some heads. Text tokens are whole on every rank. Where video tokens do not divide,
 * the ranks hold equally many with padding behind the last, which is left out in between. Where
 * heads do not divide, some ranks have one more than others, or none.
 */
final class HeadExchange {
  private final AttentionShape shape;
  private final Communicator ranks;
  private final List<TokenRange> tokens;
  private final int localTokens;

  /**
   * @param shape of the whole sequence, of all heads
   * @param ranks those that exchange
   * @param tokens that each of them holds, equally many
   */
  HeadExchange(AttentionShape shape, Communicator ranks, List<TokenRange> tokens) {
    this.shape = shape;
    this.ranks = ranks;
    this.tokens = List.copyOf(tokens);
    localTokens = tokens.getFirst().count();
  }

  /** The whole sequence, of this rank's heads; empty if it has none. */
  Optional<AttentionShape> local() {
    int[] mine = queryHeads(ranks.rank());
    return mine.length == 0
        ? Optional.empty()
        : Optional.of(
            new AttentionShape(
                1,
                shape.latentFrames(),
                shape.patchesPerFrame(),
                shape.textTokens(),
                mine.length,
                keyHeads(ranks.rank()).length,
                shape.headDim()));
  }

  /** The heads of the query that a rank computes. */
  private int[] queryHeads(int rank) {
    return IntStream.range(firstHead(rank), firstHead(rank + 1)).toArray();
  }

  private int firstHead(int rank) {
    return Math.toIntExact((long) shape.heads() * rank / ranks.world());
  }

  /**
   * The heads of key and value for them. A kernel gives as many heads of the query to each, so
   * where a rank's do not divide like that, each head of the query has its own copy.
   */
  private int[] keyHeads(int rank) {
    int[] each =
        IntStream.of(queryHeads(rank)).map(head -> head / shape.headsPerKvHead()).toArray();
    int[] once = IntStream.of(each).distinct().toArray();
    boolean divides =
        once.length > 0
            && each.length % once.length == 0
            && IntStream.range(0, each.length)
                .allMatch(i -> each[i] == once[i / (each.length / once.length)]);
    return divides ? once : each;
  }

  /**
   * Token shards of all heads to all tokens of this rank's heads.
   *
   * @param keys whether the tensor is one of keys or values, which may have fewer heads
   * @return the tokens of each rank in their order, without padding, and behind them the text
   */
  List<float[]> toHeads(Shard shard, boolean keys) {
    int of = keys ? shape.kvHeads() : shape.heads();
    float[][] parts = new float[ranks.world()][];
    for (int to = 0; to < parts.length; to++) {
      parts[to] = headsOf(shard.video(), of, keys ? keyHeads(to) : queryHeads(to));
    }
    int[] mine = keys ? keyHeads(ranks.rank()) : queryHeads(ranks.rank());
    int row = mine.length * shape.headDim();
    int[] lengths = new int[ranks.world()];
    Arrays.fill(lengths, localTokens * row);
    float[][] received = ranks.allToAll(parts, lengths);
    List<float[]> all = new ArrayList<>();
    for (int from = 0; from < received.length; from++) {
      int real = tokens.get(from).real() * row;
      all.add(real == received[from].length ? received[from] : Arrays.copyOf(received[from], real));
    }
    all.add(headsOf(shard.text(), of, mine));
    return all;
  }

  /** Copies some heads of every token. */
  private float[] headsOf(float[] from, int of, int[] heads) {
    int row = of * shape.headDim();
    float[] some = new float[from.length / row * heads.length * shape.headDim()];
    int at = 0;
    for (int token = 0; token < from.length; token += row) {
      for (int head : heads) {
        System.arraycopy(from, token + head * shape.headDim(), some, at, shape.headDim());
        at += shape.headDim();
      }
    }
    return some;
  }

  /**
   * All tokens of this rank's heads, with the text behind them, back to this rank's tokens, and all
   * text, of all heads.
   *
   * @param out the tokens of these ranks in their order, and behind them the text
   * @param text where in {@code out} the text begins, in tokens
   */
  Shard toTokens(MemorySegment out, int text) {
    int row = queryHeads(ranks.rank()).length * shape.headDim();
    float[][] parts = new float[ranks.world()][(localTokens + shape.textTokens()) * row];
    int[] lengths = new int[ranks.world()];
    for (int to = 0; to < parts.length; to++) {
      copy(out, (long) to * localTokens, parts[to], 0, tokens.get(to).real(), row);
      copy(out, text, parts[to], localTokens, shape.textTokens(), row);
      lengths[to] = (localTokens + shape.textTokens()) * queryHeads(to).length * shape.headDim();
    }
    float[][] received = ranks.allToAll(parts, lengths);
    int all = shape.heads() * shape.headDim();
    float[] ofVideo = new float[localTokens * all];
    float[] ofText = new float[shape.textTokens() * all];
    for (int from = 0; from < received.length; from++) {
      int first = firstHead(from) * shape.headDim();
      int its = queryHeads(from).length * shape.headDim();
      for (int token = 0; token < localTokens + shape.textTokens(); token++) {
        boolean isText = token >= localTokens;
        int place = (isText ? token - localTokens : token) * all + first;
        System.arraycopy(received[from], token * its, isText ? ofText : ofVideo, place, its);
      }
    }
    return new Shard(ofVideo, ofText);
  }

  /** Copies tokens of {@code row} numbers each. */
  private static void copy(
      MemorySegment out, long token, float[] part, int at, int count, int row) {
    if (count > 0 && row > 0) {
      MemorySegment.copy(
          out, ValueLayout.JAVA_FLOAT, token * row * Float.BYTES, part, at * row, count * row);
    }
  }

  /** Bytes that a rank sends for one attention: query, key and value there, the result back. */
  long bytesSent() {
    long mine = queryHeads(ranks.rank()).length;
    long elements = 0;
    for (int to = 0; to < ranks.world(); to++) {
      if (to != ranks.rank()) {
        elements +=
            (queryHeads(to).length + 2L * keyHeads(to).length) * localTokens
                + mine * (localTokens + shape.textTokens());
      }
    }
    return elements * shape.headDim() * Float.BYTES;
  }
}
