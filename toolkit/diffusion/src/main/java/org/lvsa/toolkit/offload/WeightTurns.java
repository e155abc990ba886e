// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.offload;

import org.lvsa.toolkit.blocks.BlockRunner;

/** Brings the weights that denoising needs, and lets the others go. One thread at a time. */
public interface WeightTurns extends AutoCloseable {
  /**
   * A run of a transformer begins.
   *
   * @param transformer its name, as its folder is called
   */
  void begin(String transformer);

  /**
   * A runner that has each block's weights there when the block runs.
   *
   * @param runner decides which blocks run
   */
  BlockRunner around(BlockRunner runner);

  /** Lets all weights go. */
  @Override
  void close();
}
