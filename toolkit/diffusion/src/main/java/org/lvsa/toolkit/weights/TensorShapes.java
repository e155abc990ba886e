// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/** The tensors that a model needs: each name with its shape, in the order they were added. */
public final class TensorShapes {
  private final Map<String, List<Long>> shapes = new LinkedHashMap<>();

  /** Adds a tensor. */
  public TensorShapes add(String name, long... shape) {
    shapes.put(name, LongStream.of(shape).boxed().toList());
    return this;
  }

  /** Adds {@code name.weight} of {@code [out, in]} and {@code name.bias} of {@code [out]}. */
  public TensorShapes addLinear(String name, long out, long in) {
    return add(name + ".weight", out, in).add(name + ".bias", out);
  }

  /** Name to shape, outermost size first. */
  public Map<String, List<Long>> asMap() {
    return Collections.unmodifiableMap(shapes);
  }

  /** Bytes of all tensors as float32. */
  public long floatBytes() {
    return shapes.values().stream()
        .mapToLong(shape -> shape.stream().reduce((long) Float.BYTES, Math::multiplyExact))
        .sum();
  }
}
