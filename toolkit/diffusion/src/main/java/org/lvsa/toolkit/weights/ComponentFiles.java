// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Where a component of a model lies.
 *
 * @param folder with its {@code config.json}
 * @param weights the same folder, or a single safetensors file anywhere
 */
public record ComponentFiles(Path folder, Path weights) {
  /** All of it in one folder, as published. */
  public static ComponentFiles in(Path folder) {
    return new ComponentFiles(folder, folder);
  }

  /** Whether the weights are a file of their own. */
  public boolean singleFile() {
    return Files.isRegularFile(weights);
  }
}
