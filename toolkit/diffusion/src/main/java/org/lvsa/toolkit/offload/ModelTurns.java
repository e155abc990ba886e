// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.offload;

import java.util.Map;
import org.lvsa.toolkit.blocks.BlockRunner;

/** Whole transformers take turns: of two, the one that does not run is let go. */
final class ModelTurns implements WeightTurns {
  private final Map<String, WeightPart> transformers;
  private final Residency residency;

  ModelTurns(Map<String, WeightPart> transformers, Residency residency) {
    this.transformers = transformers;
    this.residency = residency;
  }

  @Override
  public void begin(String transformer) {
    transformers.forEach(
        (name, part) -> {
          if (name.equals(transformer)) {
            residency.came(name, part.bytes(), false);
          } else {
            letGo(part);
          }
        });
  }

  @Override
  public BlockRunner around(BlockRunner runner) {
    return runner;
  }

  private void letGo(WeightPart part) {
    if (residency.has(part.name())) {
      part.unload();
      residency.went(part.name(), false);
    }
  }

  @Override
  public void close() {
    transformers.values().forEach(this::letGo);
  }
}
