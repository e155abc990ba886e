// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * What {@link Precision#INT8} makes of queries and keys, in plain loops: attention of the result is
 * what a kernel with scores of int8 computes, but for the rounding of its weights and sums. A query
 * has a scale; the keys of a head have their mean subtracted, and 32 of a frame, or of the text,
 * share a scale.
 */
public final class Int8Rounding {
  private static final int TILE = 32;
  private static final double STEPS = 127;

  private final AttentionInputs inputs;
  private final AttentionShape shape;
  private final MemorySegment query;
  private final MemorySegment key;

  /** For each head of keys: the mean of the squared scales of its tiles, and of its keys. */
  private final double[][] moments;

  private final double[] queryScales;
  private final double[] queryLengths;

  private Int8Rounding(AttentionInputs inputs, Arena arena) {
    this.inputs = inputs;
    shape = inputs.shape();
    query = arena.allocate(shape.queryElements() * Float.BYTES, 64);
    key = arena.allocate(shape.keyElements() * Float.BYTES, 64);
    moments = new double[shape.batch() * shape.kvHeads()][];
    queryScales = new double[Math.toIntExact(shape.logSumExpElements())];
    queryLengths = new double[queryScales.length];
    for (int sequence = 0; sequence < shape.batch(); sequence++) {
      for (int head = 0; head < shape.kvHeads(); head++) {
        moments[sequence * shape.kvHeads() + head] = roundKeys(sequence, head);
      }
    }
    roundQueries();
  }

  /** Rounds inputs of any type. */
  public static Int8Rounding of(AttentionInputs inputs, Arena arena) {
    return new Int8Rounding(inputs, arena);
  }

  /** The rounded inputs, in float32, with the mean added to the keys again. */
  public AttentionInputs rounded(Arena arena) {
    MemorySegment value = arena.allocate(shape.keyElements() * Float.BYTES, 64);
    for (long i = 0; i < shape.keyElements(); i++) {
      DType.F32.set(value, i, inputs.dtype().get(inputs.value(), i));
    }
    return new AttentionInputs(shape, DType.F32, query, key, value);
  }

  /** The standard deviation that is expected of the error of each query's scaled scores. */
  public double[] expectedErrors() {
    double[] errors = new double[queryScales.length];
    for (int i = 0; i < errors.length; i++) {
      int head = i % shape.heads();
      int sequence = i / shape.heads() / shape.tokens();
      double[] of = moments[sequence * shape.kvHeads() + head / shape.headsPerKvHead()];
      double variance = (queryScales[i] * queryScales[i] * of[1] + of[0] * queryLengths[i]) / 12;
      errors[i] = shape.scale() * Math.sqrt(variance);
    }
    return errors;
  }

  private double[] roundKeys(int sequence, int head) {
    int headDim = shape.headDim();
    double[] mean = new double[headDim];
    for (int token = 0; token < shape.tokens(); token++) {
      for (int d = 0; d < headDim; d++) {
        mean[d] += number(sequence, token, head, d) / shape.tokens();
      }
    }
    double squaredScales = 0;
    double squares = 0;
    int tiles = 0;
    for (int start = 0, end; start < shape.tokens(); start = end) {
      int stretch = start < shape.videoTokens() ? shape.patchesPerFrame() : shape.textTokens();
      int first = start < shape.videoTokens() ? start / stretch * stretch : shape.videoTokens();
      end = Math.min(start + TILE, first + stretch);
      double largest = 0;
      for (int token = start; token < end; token++) {
        for (int d = 0; d < headDim; d++) {
          double less = number(sequence, token, head, d) - mean[d];
          largest = Math.max(largest, Math.abs(less));
          squares += less * less;
        }
      }
      double scale = largest / STEPS;
      squaredScales += scale * scale;
      tiles++;
      for (int token = start; token < end; token++) {
        for (int d = 0; d < headDim; d++) {
          double less = number(sequence, token, head, d) - mean[d];
          double rounded = scale == 0 ? 0 : scale * Math.floor(less / scale + 0.5);
          DType.F32.set(key, offset(sequence, token, head) + d, (float) (rounded + mean[d]));
        }
      }
    }
    return new double[] {squaredScales / tiles, squares / shape.tokens()};
  }

  private double number(int sequence, int token, int head, int d) {
    return inputs.dtype().get(inputs.key(), offset(sequence, token, head) + d);
  }

  /** Where a key begins; {@code head} counts heads of keys, of which several queries share one. */
  private long offset(int sequence, int token, int head) {
    return shape.keyOffset(sequence, token, head * shape.headsPerKvHead());
  }

  private void roundQueries() {
    double[] numbers = new double[shape.headDim()];
    for (int i = 0; i < queryScales.length; i++) {
      for (int d = 0; d < numbers.length; d++) {
        numbers[d] = inputs.dtype().get(inputs.query(), (long) i * numbers.length + d);
      }
      double scale = Arrays.stream(numbers).map(Math::abs).max().orElse(0) / STEPS;
      queryScales[i] = scale;
      queryLengths[i] = Arrays.stream(numbers).map(n -> n * n).sum();
      for (int d = 0; d < numbers.length; d++) {
        double rounded = scale == 0 ? 0 : scale * Math.floor(numbers[d] / scale + 0.5);
        DType.F32.set(query, (long) i * numbers.length + d, (float) rounded);
      }
    }
  }
}
