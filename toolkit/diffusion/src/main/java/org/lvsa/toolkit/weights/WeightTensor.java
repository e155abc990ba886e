// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.tensor.TensorType;

/**
 * One tensor of a model, row-major, as it is stored.
 *
 * @param name the name in the checkpoint, such as {@code blocks.0.attn1.to_q.weight}
 * @param type how each element is stored; {@link Widening} says which types can be read
 * @param shape sizes, outermost first
 * @param data the elements; read-only where the tensor is mapped from a file
 */
public record WeightTensor(String name, TensorType type, List<Long> shape, MemorySegment data) {
  private static final int CHUNK = 1 << 14;

  /** The shape is copied. */
  public WeightTensor {
    shape = List.copyOf(shape);
  }

  /** The same tensor under another name. */
  WeightTensor named(String other) {
    return other.equals(name) ? this : new WeightTensor(other, type, shape, data);
  }

  /** The same tensor without first axes of size 1. */
  WeightTensor flat() {
    int ones = 0;
    while (ones < shape.size() - 1 && shape.get(ones) == 1) {
      ones++;
    }
    return new WeightTensor(name, type, shape.subList(ones, shape.size()), data);
  }

  /**
   * A part of the rows, as a view.
   *
   * @param part which of the parts
   * @param parts as many as divide the rows evenly
   */
  public WeightTensor rows(String partName, int part, int parts) {
    long bytes = data.byteSize() / parts;
    List<Long> sizes = new ArrayList<>(shape);
    sizes.set(0, shape.getFirst() / parts);
    return new WeightTensor(partName, type, sizes, data.asSlice(part * bytes, bytes));
  }

  /**
   * Copies some columns of a matrix, widened to float32, on all processors.
   *
   * @param columns of the matrix
   * @param first the first column that is copied
   * @param count number of columns
   * @param to filled whole, row by row
   */
  public void widenColumns(int columns, int first, int count, MemorySegment to) {
    IntStream.range(0, Math.toIntExact(elements() / columns))
        .parallel()
        .forEach(
            row -> {
              float[] floats = new float[count];
              widen((long) row * columns + first, floats);
              MemorySegment.copy(
                  floats, 0, to, ValueLayout.JAVA_FLOAT, (long) row * count * Float.BYTES, count);
            });
  }

  /** Number of elements. */
  public long elements() {
    return data.byteSize() * Byte.SIZE / type.bits();
  }

  /** Size of one axis. */
  public int size(int axis) {
    return Math.toIntExact(shape.get(axis));
  }

  /** All elements as float32, for tensors that are small, such as biases and norm weights. */
  public float[] floats() {
    float[] floats = new float[Math.toIntExact(elements())];
    widen(0, floats);
    return floats;
  }

  /**
   * Copies elements that follow one another, widened to float32.
   *
   * @param first the first element that is copied
   * @param to filled whole
   */
  public void widen(long first, float[] to) {
    if (!Widening.reads(type)) {
      throw new MalformedFileException("tensor " + name + " " + Widening.refusal(type));
    }
    Widening.widen(type, data, first, to);
  }

  /**
   * Lets the system take back the memory that a mapped tensor lies in, for whoever has made a copy
   * in another form. The tensor stays readable: it would be read from its file again.
   */
  public void release() {
    if (data.isMapped()) {
      data.unload();
    }
  }

  /**
   * Whether the memory already is float32 that native code can read, so that {@link #widen(long,
   * MemorySegment)} would only copy it.
   */
  public boolean isNativeFloat32() {
    return type == TensorType.F32 && data.isNative() && data.address() % Float.BYTES == 0;
  }

  /**
   * Copies elements that follow one another, widened to float32, on all processors.
   *
   * @param first the first element that is copied
   * @param to filled whole; its size says how many elements are copied
   */
  public void widen(long first, MemorySegment to) {
    long count = to.byteSize() / Float.BYTES;
    LongStream.range(0, Math.ceilDiv(count, CHUNK))
        .parallel()
        .forEach(
            chunk -> {
              long begin = chunk * CHUNK;
              float[] floats = new float[(int) Math.min(CHUNK, count - begin)];
              widen(first + begin, floats);
              MemorySegment.copy(
                  floats, 0, to, ValueLayout.JAVA_FLOAT, begin * Float.BYTES, floats.length);
            });
  }
}
