// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.tensor;

import java.util.List;
import org.lvsa.kernels.DType;

/**
 * A tensor in a safetensors file.
 *
 * @param dtype how it is stored
 * @param shape sizes, outermost first
 * @param begin offset of its first byte in the file's data
 * @param end offset after its last byte
 */
public record TensorInfo(DType dtype, List<Long> shape, long begin, long end) {
  /** The shape is copied. */
  public TensorInfo {
    shape = List.copyOf(shape);
  }

  /** Size of one axis as an int. */
  public int size(int axis) {
    return Math.toIntExact(shape.get(axis));
  }
}
