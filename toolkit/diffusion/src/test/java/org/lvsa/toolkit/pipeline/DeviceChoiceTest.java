// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Set;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.toolkit.blocks.BlockRunner;

class DeviceChoiceTest {
  private static DeviceChoice of(String backend) {
    return new DeviceChoice(backend, DType.F16, KernelOptions.DEFAULT);
  }

  @Test
  void outputsOfAttentionsAreKeptWhereThatSavesSomething() {
    Set<BlockRunner.Attention> kinds = Set.of(BlockRunner.Attention.SELF);
    assertEquals(Set.of(BlockLoop.Attention.SELF), of("tornado").withOutputs(kinds).outputs());
    DeviceChoice choice = of("cudnn").withOutputs(kinds);
    IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, choice::find);
    assertEquals(
        "--cache-backend pab saves nothing with --backend cudnn, whose calls run in every step on a"
            + " device: give --backend tornado or another cache",
        refused.getMessage());
  }
}
