// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.offload;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.lvsa.toolkit.weights.WeightTensor;
import org.lvsa.toolkit.weights.Weights;

/**
 * Weights that come and go together: those of a block, or of a whole component.
 *
 * @param name dotted, such as {@code transformer.blocks.3}
 * @param tensors mapped from a file
 * @param bytes of all tensors as they are stored
 */
record WeightPart(String name, List<MemorySegment> tensors, long bytes) {
  /**
   * The tensors of a component whose names begin alike.
   *
   * @param name of the part
   * @param prefix that the names of its tensors have; empty for the whole component
   * @throws IllegalArgumentException if the weights are not mapped from a file
   */
  static WeightPart of(String name, Weights weights, String prefix) {
    List<MemorySegment> tensors =
        weights.names().stream()
            .filter(tensor -> tensor.startsWith(prefix))
            .map(weights::get)
            .map(WeightTensor::data)
            .filter(data -> data.byteSize() > 0)
            .toList();
    if (!tensors.stream().allMatch(MemorySegment::isMapped)) {
      throw new IllegalArgumentException(
          "offloading needs weights in files, to read them again: those of "
              + name
              + " are in memory only, as random weights are; give --model DIR or leave the option"
              + " out");
    }
    return new WeightPart(name, tensors, tensors.stream().mapToLong(MemorySegment::byteSize).sum());
  }

  /** Reads the weights into memory. */
  void load() {
    tensors.forEach(MemorySegment::load);
  }

  /** Lets the memory go; whoever reads a number afterwards gets it from the file. */
  void unload() {
    tensors.forEach(MemorySegment::unload);
  }
}
