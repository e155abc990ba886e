// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.weights.BlockShards;
import org.lvsa.toolkit.weights.Weights;

/**
 * The blocks of a transformer, made once, or made of weights that are gathered from ranks each time
 * that a block runs.
 *
 * @param <B> a block
 */
public sealed interface BlockSource<B> {
  /** Makes a block of its weights. */
  @FunctionalInterface
  interface Maker<B> {
    /**
     * Makes one.
     *
     * @param weights that hold the block's, under their names in the whole model
     * @param number of the block
     */
    B of(Weights weights, int number);
  }

  /**
   * The blocks of a list.
   *
   * @param list its name, such as {@code blocks}
   * @param shards ranks that hold parts of the weights; one rank holds them all
   */
  static <B> BlockSource<B> of(
      Weights weights, String list, int count, Communicator shards, Maker<B> maker) {
    return shards.world() == 1
        ? new Whole<>(
            IntStream.range(0, count).mapToObj(number -> maker.of(weights, number)).toList())
        : new Gathered<>(new BlockShards(weights, list, count, shards), maker);
  }

  /**
   * Does something with a block.
   *
   * @param work must not keep the block
   */
  <T> T with(int number, Function<B, T> work);

  /** Blocks that stay. */
  record Whole<B>(List<B> blocks) implements BlockSource<B> {
    @Override
    public <T> T with(int number, Function<B, T> work) {
      return work.apply(blocks.get(number));
    }
  }

  /** Blocks that are gathered. */
  record Gathered<B>(BlockShards shards, Maker<B> maker) implements BlockSource<B> {
    @Override
    public <T> T with(int number, Function<B, T> work) {
      try (Weights block = shards.gather(number)) {
        return work.apply(maker.of(block, number));
      }
    }
  }
}
