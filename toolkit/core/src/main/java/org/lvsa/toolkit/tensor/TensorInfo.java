// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.tensor;

import java.util.List;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.MalformedFileException;

/**
 * A tensor in a safetensors file.
 *
 * @param place the file and the tensor's name, as messages begin
 * @param type how its elements are stored
 * @param shape sizes, outermost first
 * @param begin offset of its first byte in the file's data
 * @param end offset after its last byte
 */
public record TensorInfo(String place, TensorType type, List<Long> shape, long begin, long end) {
  /** The shape is copied. */
  public TensorInfo {
    shape = List.copyOf(shape);
  }

  /**
   * The element type as kernels take it.
   *
   * @throws MalformedFileException if the elements are not F32, F16 or BF16
   */
  public DType dtype() {
    return type.dtype()
        .orElseThrow(
            () ->
                new MalformedFileException(
                    place + " has dtype " + type + ", allowed here are F32, F16, BF16"));
  }

  /** Size of one axis as an int. */
  public int size(int axis) {
    return Math.toIntExact(shape.get(axis));
  }
}
