// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blocks;

import java.util.Set;
import java.util.function.Supplier;
import org.lvsa.toolkit.profile.BlockEvent;
import org.lvsa.toolkit.profile.Profile;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Tells the recorder of every block that runs.
 *
 * @param inner runs the blocks
 */
public record ProfiledBlocks(BlockRunner inner) implements BlockRunner {
  /** A runner that tells of its blocks if anything records, else the runner itself. */
  public static BlockRunner of(BlockRunner runner) {
    return Profile.recordsBlocks() ? new ProfiledBlocks(runner) : runner;
  }

  @Override
  public void run(BlockSequence blocks) {
    inner.run(new BlocksWith(blocks, block -> told(blocks, block)));
  }

  private static void told(BlockSequence blocks, int block) {
    try (BlockEvent _ = BlockEvent.begin(blocks.name(), block)) {
      blocks.run(block);
    }
  }

  @Override
  public int keeps() {
    return inner.keeps();
  }

  @Override
  public Set<Attention> keepsOutputs() {
    return inner.keepsOutputs();
  }

  @Override
  public INDArray attention(Attention kind, int layer, Supplier<INDArray> compute) {
    return inner.attention(kind, layer, compute);
  }
}
