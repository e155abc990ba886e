// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.lvsa.toolkit.attention.Attended;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.TokenRange;
import org.lvsa.toolkit.sharding.SequenceShards;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Self-attention that several ranks compute together. In a transformer that divides its tokens,
 * each rank has its own. In one that does not, every rank has all query, key and value; it attends
 * with its part of the video's tokens and gets the others' results. Text tokens are whole on every
 * rank.
 *
 * @param attention attends with one rank's tokens, together with the other ranks
 * @param ranks this rank and the others
 * @param divided whether the tokens that come are this rank's already
 */
record SharedAttention(VideoSelfAttention attention, Communicator ranks, BooleanSupplier divided)
    implements VideoSelfAttention {

  @Override
  public Attended attend(int layer, VideoGrid grid, Qkv video, Optional<Qkv> text) {
    int world = ranks.world();
    if (world == 1 || divided.getAsBoolean()) {
      return attention.attend(layer, grid, video, text);
    }
    TokenRange range = TokenRange.of(video.tokens(), ranks.rank(), world);
    Attended mine;
    try (INDArray q = SequenceShards.part(video.query(), 1, range);
        INDArray k = SequenceShards.part(video.key(), 1, range);
        INDArray v = SequenceShards.part(video.value(), 1, range)) {
      mine = attention.attend(layer, grid, new Qkv(q, k, v), text);
    }
    try (INDArray own = mine.video()) {
      float[][] parts = ranks.allGather(NdMemory.floats(own));
      return new Attended(joined(parts, video.query().shape()), mine.text());
    }
  }

  /** The ranks' parts {@code [batch, tokens / ranks, heads, headDim]} without padding, as one. */
  private static INDArray joined(float[][] parts, long[] shape) {
    INDArray out = Nd4j.createUninitialized(DataType.FLOAT, shape);
    MemorySegment memory = NdMemory.view(out);
    int batch = Math.toIntExact(shape[0]);
    int perElement = parts[0].length / batch;
    int token = Math.toIntExact(shape[2] * shape[3]);
    long at = 0;
    for (int element = 0; element < batch; element++) {
      for (int rank = 0; rank < parts.length; rank++) {
        int real = token * TokenRange.of(Math.toIntExact(shape[1]), rank, parts.length).real();
        MemorySegment.copy(
            parts[rank], element * perElement, memory, ValueLayout.JAVA_FLOAT, at, real);
        at += (long) real * Float.BYTES;
      }
    }
    return out;
  }
}
