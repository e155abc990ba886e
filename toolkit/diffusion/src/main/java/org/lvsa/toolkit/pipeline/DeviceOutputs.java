// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.blocks.BlockSequence;

/**
 * Outputs of attentions that a device keeps.
 *
 * @param pass that runs the blocks
 * @param shape of a block
 */
record DeviceOutputs(BlockLoop.Pass pass, BlockShape shape) implements BlockSequence.Outputs {
  @Override
  public boolean has(BlockRunner.Attention kind) {
    return kind == BlockRunner.Attention.SELF || !shape.joint();
  }

  @Override
  public void use(BlockRunner.Attention kind, int set, boolean again) {
    pass.outputs(DeviceChoice.onDevice(kind), set, again);
  }
}
