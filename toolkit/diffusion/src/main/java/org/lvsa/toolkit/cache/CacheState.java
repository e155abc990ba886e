// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.lvsa.toolkit.blocks.ArrayTokens;
import org.lvsa.toolkit.blocks.Tokens;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a step cache remembers after a step, by name, so that an interrupted run can go on. Names
 * are paths: transformer, branch of guidance, list of blocks, and what it is.
 *
 * @param numbers counters and sums of the decisions
 * @param tensors residuals and inputs of earlier steps
 * @param texts names, and what was computed and cached so far
 */
public record CacheState(
    Map<String, double[]> numbers, Map<String, Tensor> tensors, Map<String, String> texts) {
  /**
   * A tensor, row-major.
   *
   * @param shape sizes, outermost first
   */
  public record Tensor(long[] shape, float[] data) {}

  /** Nothing yet. */
  CacheState() {
    this(new TreeMap<>(), new TreeMap<>(), new TreeMap<>());
  }

  /** The part below a name. */
  Part part(String name) {
    return new Part(this, name + "/");
  }

  /**
   * What one object saves or finds.
   *
   * @param prefix of its names
   */
  record Part(CacheState state, String prefix) {
    Part part(String name) {
      return new Part(state, prefix + name + "/");
    }

    void put(String name, double... values) {
      state.numbers.put(prefix + name, values);
    }

    void put(String name, INDArray tensor) {
      state.tensors.put(prefix + name, new Tensor(tensor.shape().clone(), NdMemory.floats(tensor)));
    }

    void put(String name, String text) {
      state.texts.put(prefix + name, text);
    }

    void put(String name, Tokens tokens) {
      try (INDArray array = tokens.toArray()) {
        put(name, array);
      }
    }

    /** Whether there is a tensor of that name. */
    boolean hasTensor(String name) {
      return state.tensors.containsKey(prefix + name);
    }

    /** Whether there are numbers of that name. */
    boolean hasNumbers(String name) {
      return state.numbers.containsKey(prefix + name);
    }

    /**
     * Numbers that were saved.
     *
     * @param count how many there must be
     * @throws MalformedFileException if there are not so many
     */
    double[] numbers(String name, int count) {
      double[] values = state.numbers.get(prefix + name);
      if (values == null || values.length != count) {
        throw lacks(count + " numbers " + prefix + name);
      }
      return values;
    }

    /**
     * A new tensor with the saved values.
     *
     * @throws MalformedFileException if there is none
     */
    INDArray tensor(String name) {
      Tensor saved = state.tensors.get(prefix + name);
      if (saved == null) {
        throw lacks("tensor " + prefix + name);
      }
      return NdMemory.copy(MemorySegment.ofArray(saved.data()), saved.shape());
    }

    /** As {@link #tensor}, for a stream on the CPU. */
    Tokens tokens(String name) {
      return new ArrayTokens(tensor(name));
    }

    /** A text; empty if there is none. */
    String text(String name) {
      return state.texts.getOrDefault(prefix + name, "");
    }

    private static MalformedFileException lacks(String what) {
      return new MalformedFileException("the saved step cache lacks the " + what);
    }
  }

  /** The numbers of these, which are few and whole. */
  static double[] whole(int... values) {
    return IntStream.of(values).asDoubleStream().toArray();
  }
}
