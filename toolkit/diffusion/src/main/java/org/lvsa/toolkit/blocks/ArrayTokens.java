// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blocks;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Tokens on the CPU.
 *
 * @param array {@code […, width]}, float32, row-major
 */
public record ArrayTokens(INDArray array) implements Tokens {
  private static INDArray of(Tokens other) {
    return ((ArrayTokens) other).array();
  }

  @Override
  public boolean isLike(Tokens other) {
    return array.equalShapes(of(other));
  }

  @Override
  public long elements() {
    return array.length();
  }

  @Override
  public Tokens copy() {
    return new ArrayTokens(NdMemory.copy(array));
  }

  @Override
  public void becomeGain(Tokens after) {
    Elementwise.subtractFrom(of(after), array);
  }

  @Override
  public void becomeSlope(Tokens earlier, int steps) {
    Elementwise.subtractAndDivide(array, of(earlier), steps);
  }

  @Override
  public void add(float factor, Tokens other) {
    Elementwise.addScaled(array, factor, of(other));
  }

  @Override
  public Changes changes(Tokens now, int every) {
    int width = Math.toIntExact(array.size(-1));
    int tokens = Math.toIntExact(array.length() / width);
    MemorySegment a = NdMemory.view(array);
    MemorySegment b = NdMemory.view(of(now));
    double[] difference = new double[tokens];
    double[] size = new double[tokens];
    IntStream.range(0, tokens)
        .parallel()
        .forEach(
            token -> {
              float[] earlier = row(a, token, width);
              float[] later = row(b, token, width);
              for (int i = 0; i < width; i += every) {
                difference[token] += Math.abs((double) earlier[i] - later[i]);
                size[token] += Math.abs(earlier[i]);
              }
            });
    return new Changes(difference, size);
  }

  @Override
  public double[] squares() {
    int width = Math.toIntExact(array.size(-1));
    int tokens = Math.toIntExact(array.length() / width);
    MemorySegment memory = NdMemory.view(array);
    double[] squares = new double[tokens];
    IntStream.range(0, tokens)
        .parallel()
        .forEach(
            token -> {
              for (float value : row(memory, token, width)) {
                squares[token] += (double) value * value;
              }
            });
    return squares;
  }

  private static float[] row(MemorySegment memory, int token, int width) {
    float[] row = new float[width];
    MemorySegment.copy(
        memory, ValueLayout.JAVA_FLOAT, (long) token * width * Float.BYTES, row, 0, width);
    return row;
  }

  @Override
  public INDArray toArray() {
    return NdMemory.copy(array);
  }

  @Override
  public void close() {
    array.close();
  }
}
