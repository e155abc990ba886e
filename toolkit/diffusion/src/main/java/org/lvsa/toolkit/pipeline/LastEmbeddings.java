// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The states of the last prompts or pictures, and what a transformer's embedding made of each: a
 * generation asks for the same ones in every step.
 */
public final class LastEmbeddings {
  /** One and a negative one, of two generations. */
  private static final int KEPT = 4;

  private final List<Embedded> kept = new ArrayList<>();

  private record Embedded(float[] states, float[] embedded) {}

  /**
   * What an embedding makes of one element of a batch.
   *
   * @param states of the whole batch, which comes first in their shape
   * @param element of the batch
   * @param embedding gives a new tensor for a batch of one
   * @return float32
   */
  public MemorySegment of(INDArray states, int element, UnaryOperator<INDArray> embedding) {
    float[] all = NdMemory.floats(states);
    int each = all.length / (int) states.size(0);
    long[] shape = states.shape().clone();
    shape[0] = 1;
    float[] its = Arrays.copyOfRange(all, element * each, (element + 1) * each);
    return MemorySegment.ofArray(of(its, shape, embedding));
  }

  private float[] of(float[] states, long[] shape, UnaryOperator<INDArray> embedding) {
    for (Embedded one : kept) {
      if (Arrays.equals(one.states(), states)) {
        return one.embedded();
      }
    }
    try (INDArray all = NdMemory.copy(MemorySegment.ofArray(states), shape);
        INDArray embedded = embedding.apply(all)) {
      Embedded one = new Embedded(states, NdMemory.floats(embedded));
      if (kept.size() == KEPT) {
        kept.removeFirst();
      }
      kept.add(one);
      return one.embedded();
    }
  }
}
