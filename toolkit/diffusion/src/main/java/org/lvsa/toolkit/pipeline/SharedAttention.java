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
    int tokens = video.tokens();
    if (tokens % world != 0) {
      throw new IllegalArgumentException(
          "the video's tokens must be a multiple of the ranks ("
              + world
              + "), got "
              + tokens
              + ", which leaves "
              + tokens % world);
    }
    long part = tokens / world;
    long first = ranks.rank() * part;
    Attended mine;
    try (INDArray q = NdMemory.tokens(video.query(), first, first + part);
        INDArray k = NdMemory.tokens(video.key(), first, first + part);
        INDArray v = NdMemory.tokens(video.value(), first, first + part)) {
      mine = attention.attend(layer, grid, new Qkv(q, k, v), text);
    }
    try (INDArray own = mine.video()) {
      float[][] parts = ranks.allGather(NdMemory.floats(own));
      return new Attended(joined(parts, video.query().shape()), mine.text());
    }
  }

  /** The ranks' parts {@code [batch, tokens / ranks, heads, headDim]} as one tensor. */
  private static INDArray joined(float[][] parts, long[] shape) {
    INDArray out = Nd4j.createUninitialized(DataType.FLOAT, shape);
    MemorySegment memory = NdMemory.view(out);
    int batch = Math.toIntExact(shape[0]);
    int perElement = parts[0].length / batch;
    long at = 0;
    for (int element = 0; element < batch; element++) {
      for (float[] part : parts) {
        MemorySegment.copy(
            part, element * perElement, memory, ValueLayout.JAVA_FLOAT, at, perElement);
        at += (long) perElement * Float.BYTES;
      }
    }
    return out;
  }
}
