// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.lvsa.kernels.AttentionShape;

/**
 * The exchange between ranks that each hold some tokens of all heads, and the same ranks holding
 * all tokens of some heads. Text tokens are whole on every rank. Where video tokens do not divide,
 * the ranks hold equally many with padding behind the last, which is left out in between.
 */
final class HeadExchange {
  private final AttentionShape shape;
  private final Communicator ranks;
  private final int localTokens;
  private final int localHeads;

  /**
   * @param shape the tokens of these ranks together, of all heads
   * @param ranks those that exchange
   */
  HeadExchange(AttentionShape shape, Communicator ranks) {
    this.shape = shape;
    this.ranks = ranks;
    localTokens = Math.ceilDiv(shape.videoTokens(), ranks.world());
    localHeads = shape.heads() / ranks.world();
  }

  /** All tokens, of this rank's heads. */
  AttentionShape local() {
    return new AttentionShape(
        1,
        shape.latentFrames(),
        shape.patchesPerFrame(),
        shape.textTokens(),
        localHeads,
        keyHeads(ranks.rank()).count(),
        shape.headDim());
  }

  /**
   * The heads of one tensor that a rank computes.
   *
   * @param all heads of the tensor
   * @param first head of the rank
   * @param count heads of the rank
   */
  private record Heads(int all, int first, int count) {}

  private Heads queryHeads(int rank) {
    return new Heads(shape.heads(), rank * localHeads, localHeads);
  }

  private Heads keyHeads(int rank) {
    int first = rank * localHeads / shape.headsPerKvHead();
    int last = ((rank + 1) * localHeads - 1) / shape.headsPerKvHead();
    return new Heads(shape.kvHeads(), first, last - first + 1);
  }

  /**
   * Token shards of all heads to all tokens of this rank's heads.
   *
   * @param keys whether the tensor is one of keys or values, which may have fewer heads
   * @return the tokens of each rank in their order, without padding, and behind them the text
   */
  float[][] toHeads(Shard shard, boolean keys) {
    float[][] parts = new float[ranks.world()][];
    for (int to = 0; to < parts.length; to++) {
      parts[to] = headsOf(shard.video(), keys ? keyHeads(to) : queryHeads(to));
    }
    Heads mine = keys ? keyHeads(ranks.rank()) : queryHeads(ranks.rank());
    float[][] received =
        ranks.allToAll(parts, lengths(localTokens * mine.count() * shape.headDim()));
    float[][] all = Arrays.copyOf(received, received.length + 1);
    for (int from = 0; from < received.length; from++) {
      int real = real(from) * mine.count() * shape.headDim();
      all[from] =
          real == received[from].length ? received[from] : Arrays.copyOf(received[from], real);
    }
    all[received.length] = headsOf(shard.text(), mine);
    return all;
  }

  /** Tokens of a rank that are no padding: where they do not divide, the last ranks have fewer. */
  private int real(int rank) {
    return Math.clamp(shape.videoTokens() - (long) rank * localTokens, 0, localTokens);
  }

  /** Every rank sends the same amount. */
  private int[] lengths(int each) {
    int[] lengths = new int[ranks.world()];
    Arrays.fill(lengths, each);
    return lengths;
  }

  /** Copies some heads of every token. */
  private float[] headsOf(float[] tokens, Heads heads) {
    int row = heads.all() * shape.headDim();
    int part = heads.count() * shape.headDim();
    int count = tokens.length / row;
    float[] some = new float[count * part];
    for (int token = 0; token < count; token++) {
      System.arraycopy(
          tokens, token * row + heads.first() * shape.headDim(), some, token * part, part);
    }
    return some;
  }

  /**
   * All tokens of this rank's heads, with the text behind them, back to this rank's tokens, and all
   * text, of all heads.
   */
  Shard toTokens(MemorySegment out) {
    int row = localHeads * shape.headDim();
    float[][] parts = new float[ranks.world()][(localTokens + shape.textTokens()) * row];
    for (int to = 0; to < parts.length; to++) {
      copy(out, (long) to * localTokens, parts[to], 0, real(to));
      copy(out, shape.videoTokens(), parts[to], localTokens, shape.textTokens());
    }
    float[][] received = ranks.allToAll(parts, lengths(parts[0].length));
    int all = shape.heads() * shape.headDim();
    float[] video = new float[localTokens * all];
    float[] text = new float[shape.textTokens() * all];
    for (int from = 0; from < received.length; from++) {
      int first = queryHeads(from).first() * shape.headDim();
      for (int token = 0; token < localTokens + shape.textTokens(); token++) {
        boolean isText = token >= localTokens;
        int place = (isText ? token - localTokens : token) * all + first;
        System.arraycopy(received[from], token * row, isText ? text : video, place, row);
      }
    }
    return new Shard(video, text);
  }

  private void copy(MemorySegment out, long token, float[] part, int at, int count) {
    if (count == 0) {
      return;
    }
    int row = localHeads * shape.headDim();
    MemorySegment.copy(
        out, ValueLayout.JAVA_FLOAT, token * row * Float.BYTES, part, at * row, count * row);
  }

  /** Bytes that a rank sends for one attention: query, key and value there, the result back. */
  long bytesSent() {
    long elements = 0;
    for (int to = 0; to < ranks.world(); to++) {
      if (to != ranks.rank()) {
        elements +=
            (2L * localHeads + 2L * keyHeads(to).count()) * localTokens
                + (long) localHeads * shape.textTokens();
      }
    }
    return elements * shape.headDim() * Float.BYTES;
  }
}
