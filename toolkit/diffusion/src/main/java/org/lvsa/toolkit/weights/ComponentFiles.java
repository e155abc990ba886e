// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.lvsa.toolkit.tensor.TensorType;

/**
 * Where a component of a model lies.
 *
 * @param folder with its {@code config.json}
 * @param weights the same folder, or a single safetensors file anywhere
 * @param random whether random numbers take the place of the weights, which may be missing then
 */
public record ComponentFiles(Path folder, Path weights, boolean random) {
  /** With weights of its own. */
  public ComponentFiles(Path folder, Path weights) {
    this(folder, weights, false);
  }

  /** The same component, with random numbers in place of its weights. */
  public ComponentFiles withRandomWeights() {
    return new ComponentFiles(folder, weights, true);
  }

  /** All of it in one folder, as published. */
  public static ComponentFiles in(Path folder) {
    return new ComponentFiles(folder, folder);
  }

  /** The files with weights, in natural order; none for a component without weights. */
  public List<Path> weightFiles() {
    return WeightFolder.has(weights) ? WeightFolder.of(weights).files() : List.of();
  }

  /** Bytes of the weights by how they are stored; none for a component without weights. */
  public Map<TensorType, Long> bytesByType() {
    Map<TensorType, Long> bytes = new EnumMap<>(TensorType.class);
    if (WeightFolder.has(weights)) {
      try (Arena arena = Arena.ofConfined()) {
        for (WeightTensor tensor : WeightFolder.of(weights).read(arena).values()) {
          bytes.merge(tensor.type(), tensor.data().byteSize(), Long::sum);
        }
      }
    }
    return bytes;
  }
}
