// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.lvsa.toolkit.attention.Attended;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.blocks.BlockSequence;
import org.lvsa.toolkit.blocks.Tokens;
import org.lvsa.toolkit.layers.SoftmaxAttention;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Wan's transformer hands its blocks and attentions to whoever runs them. */
class WanBlocksTest {
  private static final WanConfig CONFIG =
      new WanConfig(
          3,
          2,
          8,
          20,
          new WanConfig.Conditions(8, 6),
          new WanConfig.Channels(2, 2),
          new WanConfig.Patch(1, 1, 1),
          true,
          new WanConfig.Trained(64),
          1e-6);

  private static INDArray ramp(long... shape) {
    int length = 1;
    for (long size : shape) {
      length *= (int) size;
    }
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) Math.sin(i);
    }
    return NdMemory.copy(MemorySegment.ofArray(values), shape);
  }

  private record Attention(BlockRunner blocks) implements VideoSelfAttention {
    @Override
    public Attended attend(int layer, VideoGrid grid, Qkv video, Optional<Qkv> text) {
      return new Attended(
          SoftmaxAttention.attend(video.query(), video.key(), video.value()), Optional.empty());
    }
  }

  @Test
  void aRunnerSeesEveryBlockAndAttentionAndItsResultIsTheTransformers() {
    List<String> seen = new ArrayList<>();
    BlockRunner watching =
        new BlockRunner() {
          @Override
          public void run(BlockSequence blocks) {
            try (Tokens before = blocks.modulatedInput()) {
              assertTrue(blocks.hidden().isLike(before));
            }
            for (int block = 0; block < blocks.size(); block++) {
              seen.add(blocks.name() + block);
              blocks.run(block);
            }
          }

          @Override
          public INDArray attention(Attention kind, int layer, Supplier<INDArray> compute) {
            seen.add(kind + "" + layer);
            return compute.get();
          }
        };
    try (WanTransformer transformer = WanTransformer.randomWeights(CONFIG, 4)) {
      INDArray latents = ramp(1, 2, 3, 2, 2);
      INDArray text = ramp(1, 5, 6);
      INDArray plain = transformer.predict(latents, 500, text, new Attention(BlockRunner.ALL));
      INDArray watched = transformer.predict(latents, 500, text, new Attention(watching));
      INDArray none = transformer.predict(latents, 500, text, new Attention(blocks -> {}));
      assertEquals(plain, watched);
      assertEquals(
          List.of(
              "blocks0", "SELF0", "CROSS0", "blocks1", "SELF1", "CROSS1", "blocks2", "SELF2",
              "CROSS2"),
          seen);
      assertEquals(false, plain.equals(none), "blocks that nobody runs change nothing");
    }
  }
}
