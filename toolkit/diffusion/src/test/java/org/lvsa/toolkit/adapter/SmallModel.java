// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.GenerationOptions;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;
import org.lvsa.toolkit.pattern.RankSlice;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Small sizes that tests of adapters share: ten frames of 2x3 patches, headDim 12. */
final class SmallModel {
  static final int FRAMES = 10;
  static final int TEXT = 5;
  static final int IMAGE = 3;
  static final List<Integer> AXES = List.of(4, 4, 4);
  static final double THETA = 100;
  static final PatchGrid GRID = new PatchGrid(2, 3);
  static final int TOKENS = FRAMES * 6;

  private SmallModel() {}

  static BlockShape shape(int heads, int kvHeads) {
    return new BlockShape(heads, kvHeads, 12, GRID, new RotaryEmbedding(AXES, THETA));
  }

  static INDArray tokens(int count, int width, long seed) {
    Nd4j.getRandom().setSeed(seed);
    return Nd4j.randn(DataType.FLOAT, count, width);
  }

  /** Encoder tokens as the model wants them: image-to-video has an image's before 512 of text. */
  static int encoderTokens(String model) {
    return model.contains("i2v") ? IMAGE + WanAdapter.TEXT_TOKENS : TEXT;
  }

  static LvsaConfig config(String attention, String... namesAndValues) {
    return TestConfig.of(
        Map.of(
            "DIFFUSION_ATTENTION_BACKEND", attention,
            "LVSA_BACKEND", "vector",
            "LVSA_PATCHES_PER_FRAME", "6",
            "LVSA_WINDOW_SIZE", "4",
            "LVSA_REFERENCE_LATENT_FRAMES", "5"),
        namesAndValues);
  }

  static Generation generation(LvsaConfig config, RankView view, List<String> log) {
    return new Generation(
        GenerationOptions.of(config).withLatentFrames(FRAMES).withView(view),
        (level, line) -> log.add(line));
  }

  static List<String> log() {
    return Collections.synchronizedList(new ArrayList<>());
  }

  /** The pattern of those settings, with frames around the boundaries of so many ranks global. */
  static BlockSparseLayout layout(int boundaries) {
    return Pattern.build(PatternSettings.of(FRAMES, 6, 1, 1, 5, 1.0), new RankSlice(0, boundaries))
        .layout();
  }

  static BlockEquations equations(BlockWeights weights, BlockSparseLayout layout) {
    return new BlockEquations(
        weights.tensors(),
        weights.shape().heads(),
        weights.shape().kvHeads(),
        AXES.stream().mapToInt(Integer::intValue).toArray(),
        THETA,
        GRID.rows(),
        GRID.columns(),
        layout);
  }

  /** What a block of that model adds, by the equations. */
  static BlockEquations.Added expected(
      String model, BlockWeights weights, Streams streams, BlockSparseLayout layout) {
    BlockEquations equations = equations(weights, layout);
    double[][] video = BlockEquations.matrix(streams.video());
    double[][] encoder = BlockEquations.matrix(streams.encoder());
    if (model.startsWith("wan")) {
      return equations.wan(video, encoder, model.contains("i2v"));
    }
    return model.startsWith("hunyuan")
        ? equations.hunyuan(video, encoder)
        : equations.cogvideox(video, encoder);
  }

  static void assertClose(double[][] expected, INDArray actual, String what) {
    double[][] got = BlockEquations.matrix(actual);
    assertEquals(expected.length, got.length, what);
    for (int t = 0; t < expected.length; t++) {
      for (int d = 0; d < expected[t].length; d++) {
        assertEquals(expected[t][d], got[t][d], 2e-4, what + ": token " + t + " feature " + d);
      }
    }
  }
}
