// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.PartialAttention;

/**
 * Text queries, which attend to everything, where each rank holds a part of the video's keys. Each
 * rank computes all text queries over its own part; the partial results are sent to everybody and
 * merged by their log-sum-exps in the order of the ranks, so that every rank gets the same bits.
 *
 * @param shape of the whole sequence
 * @param ranks those that each hold a part of the keys
 */
record JointText(AttentionShape shape, Communicator ranks) {

  /**
   * The text's result, of all heads; empty where there is no text.
   *
   * @param tokens of this rank's part of the video that are no padding
   */
  float[] attend(ContextParallel.Compute compute, Shard query, Shard key, Shard value, int tokens) {
    if (shape.textTokens() == 0) {
      return new float[0];
    }
    AttentionShape all =
        new AttentionShape(
            1, 1, shape.textTokens(), 0, shape.heads(), shape.kvHeads(), shape.headDim());
    try (Arena arena = Arena.ofShared()) {
      QueriesOverKeys part = new QueriesOverKeys(all, compute, arena);
      int end = tokens * shape.kvHeads() * shape.headDim();
      AttentionOutput mine =
          part.attend(
              query.text(), Arrays.copyOf(key.video(), end), Arrays.copyOf(value.video(), end));
      float[] sent = new float[Math.toIntExact(all.queryElements() + all.logSumExpElements())];
      int elements = Math.toIntExact(all.queryElements());
      MemorySegment.copy(mine.out(), ValueLayout.JAVA_FLOAT, 0, sent, 0, elements);
      MemorySegment.copy(
          mine.logSumExp().orElseThrow(),
          ValueLayout.JAVA_FLOAT,
          0,
          sent,
          elements,
          sent.length - elements);
      // Merged in the order of ranks, so that every rank gets the same bits.
      AttentionOutput whole = part.attend(query.text(), key.text(), value.text());
      for (float[] received : ranks.allGather(sent)) {
        AttentionOutput other = AttentionOutput.allocateWithLogSumExp(all, arena);
        MemorySegment.copy(received, 0, other.out(), ValueLayout.JAVA_FLOAT, 0, elements);
        MemorySegment.copy(
            received,
            elements,
            other.logSumExp().orElseThrow(),
            ValueLayout.JAVA_FLOAT,
            0,
            sent.length - elements);
        PartialAttention.merge(all, whole, other);
      }
      return whole.out().toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  /** Bytes that a rank sends: its partial result with the log-sum-exps, to each other rank. */
  long bytesSent() {
    return (ranks.world() - 1L)
        * shape.textTokens()
        * shape.heads()
        * (shape.headDim() + 1)
        * Float.BYTES;
  }
}
