// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.adapter.BlockShape;
import org.lvsa.toolkit.adapter.BlockWeights;
import org.lvsa.toolkit.adapter.ModelAdapter;
import org.lvsa.toolkit.adapter.Streams;
import org.lvsa.toolkit.adapter.Transformer;
import org.lvsa.toolkit.adapter.Weights;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.io.Memory;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.pipeline.RankPlan;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * What a demo runs: the model's sizes, its settings, and where weights and noise come from.
 *
 * @param geometry the model's
 * @param adapter the model's
 * @param shape the blocks' sizes
 * @param latentFrames of the video
 * @param layers blocks
 * @param steps to denoise
 * @param weights a file or a directory; empty for random ones
 */
record DemoPlan(
    ModelGeometry geometry,
    ModelAdapter adapter,
    BlockShape shape,
    int latentFrames,
    int layers,
    int steps,
    Optional<Path> weights) {

  /** Tensors of the video's size that a block holds at once: query, key, value, and copies. */
  private static final long TENSORS_AT_ONCE = 10;

  /**
   * Refuses what the ranks cannot divide, and what does not fit into memory, before anything is
   * allocated.
   */
  void check(RankPlan ranks) {
    ranks.scheme().check(attentionShape(), ranks.world());
    long processes = ranks.ranks() == RankPlan.Ranks.PROCESSES ? ranks.world() : 1;
    Memory.require(
        "a demo of "
            + layers
            + " layers, "
            + steps
            + " steps and "
            + tokens()
            + " tokens of width "
            + shape.width(),
        times(processes, bytes(ranks.world() == 1 ? 2 : 3)));
  }

  private AttentionShape attentionShape() {
    return new AttentionShape(
        1,
        latentFrames,
        shape.grid().patches(),
        0,
        shape.heads(),
        shape.kvHeads(),
        shape.headDim());
  }

  private long tokens() {
    return (long) latentFrames * shape.grid().patches();
  }

  /** Bytes of the weights, of a block at work, and of the video after each step of each run. */
  private long bytes(int runs) {
    long perLayer =
        adapter.tensors(shape).values().stream()
            .mapToLong(size -> Arrays.stream(size).reduce(Float.BYTES, DemoPlan::times))
            .reduce(0, DemoPlan::plus);
    long video = times(times(tokens(), shape.width()), Float.BYTES);
    return plus(times(layers, perLayer), times(video, plus(TENSORS_AT_ONCE, times(runs, steps))));
  }

  private static long times(long a, long b) {
    return Math.multiplyHigh(a, b) == 0 && a * b >= 0 ? a * b : Long.MAX_VALUE;
  }

  private static long plus(long a, long b) {
    return a + b >= 0 ? a + b : Long.MAX_VALUE;
  }

  /** The blocks' tensors, the same at every call. */
  List<BlockWeights> blockWeights() {
    if (weights.isEmpty()) {
      return Transformer.random(adapter, shape, layers, 1);
    }
    try (Weights file = new Weights(weights.get())) {
      return Transformer.load(adapter, shape, layers, file);
    }
  }

  /** Random tokens to start from, the same at every call. */
  Streams noise() {
    SplittableRandom random = new SplittableRandom(2);
    return new Streams(
        normal(random, tokens(), shape.width()),
        normal(random, adapter.exampleEncoderTokens(), shape.width()));
  }

  private static INDArray normal(SplittableRandom random, long tokens, int width) {
    INDArray tensor = Nd4j.createUninitialized(DataType.FLOAT, tokens, width);
    MemorySegment memory = NdMemory.view(tensor);
    for (long i = 0; i < tensor.length(); i++) {
      DType.F32.set(memory, i, (float) random.nextGaussian());
    }
    return tensor;
  }

  /**
   * The settings in force: what was typed, then the environment's, then the demo's own, which fit
   * the model.
   *
   * @param environment the process's variables
   * @param typed options that the user typed, by variable name
   * @param warn takes a line per {@code LVSA_*} name that nobody knows
   */
  LvsaConfig config(
      Map<String, String> environment, Map<String, String> typed, Consumer<String> warn) {
    LvsaConfig given = LvsaConfig.of(environment, typed, warn);
    Map<String, String> options = new HashMap<>(typed);
    for (var own :
        Map.of(
                Setting.LVSA_BACKEND, "auto",
                Setting.LVSA_WAN_HOOK, "1",
                Setting.LVSA_CFG_PASSES, "1",
                Setting.LVSA_REFERENCE_LATENT_FRAMES, "" + adapter.referenceLatentFrames(geometry),
                Setting.LVSA_PATCHES_PER_FRAME, "" + shape.grid().patches())
            .entrySet()) {
      if (given.value(own.getKey()).origin() == LvsaConfig.Origin.DEFAULT) {
        options.put(own.getKey().name(), own.getValue());
      }
    }
    return LvsaConfig.of(environment, options, line -> {});
  }
}
