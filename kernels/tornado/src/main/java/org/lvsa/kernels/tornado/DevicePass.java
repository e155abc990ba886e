// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Optional;
import java.util.function.Consumer;
import org.lvsa.kernels.transformer.BlockLoop;

/** A forward pass of a {@link TransformerPlan} between its embedding and its head. */
final class DevicePass implements BlockLoop.Pass {
  private final int blocks;
  private final Optional<? extends OffloadedBlocks<?>> offloaded;
  private final Optional<KeptStreams> kept;
  private final KeptOutputs<?> outputs;
  private final Consumer<Stage> runs;
  private int next;

  /**
   * A pass that begins.
   *
   * @param blocks of the transformer
   * @param offloaded the blocks where their weights are not all on the device
   * @param kept what a step cache has; empty without one
   * @param outputs of attentions that are kept
   * @param runs a graph
   */
  DevicePass(
      int blocks,
      Optional<? extends OffloadedBlocks<?>> offloaded,
      Optional<KeptStreams> kept,
      KeptOutputs<?> outputs,
      Consumer<Stage> runs) {
    this.blocks = blocks;
    this.offloaded = offloaded;
    this.kept = kept;
    this.outputs = outputs;
    this.runs = runs;
    outputs.begin();
  }

  @Override
  public int blocks() {
    return blocks;
  }

  @Override
  public void run(int block) {
    if (offloaded.isPresent()) {
      offloaded.get().bring(block, runs);
      // Behind the last block comes the first one, of the next pass.
      offloaded.get().fill((block + 1) % blocks);
    } else if (block != next) {
      kept().skipTo(block);
      runs.accept(Stage.STREAMS);
    }
    runs.accept(Stage.BLOCK);
    next = block + 1;
  }

  @Override
  public void combine(int buffer, float own, int other, float factor) {
    kept().combine(buffer, own, other, factor);
    runs.accept(Stage.STREAMS);
  }

  @Override
  public float[] changes(int earlier, int now, int every) {
    kept().compare(earlier, now, every);
    runs.accept(Stage.STREAMS);
    return kept().sums();
  }

  @Override
  public void outputs(BlockLoop.Attention kind, int set, boolean again) {
    outputs.use(kind, set, again);
  }

  @Override
  public float[] squares(int buffer) {
    kept().square(buffer);
    runs.accept(Stage.STREAMS);
    return kept().squares();
  }

  private KeptStreams kept() {
    return kept.orElseThrow(
        () -> new IllegalStateException("the video was prepared without room for a step cache"));
  }
}
