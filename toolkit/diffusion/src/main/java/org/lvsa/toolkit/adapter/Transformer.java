// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.LvsaProcessor;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The attention blocks of a model, one after the other, each with a residual sum. Modulation by the
 * time step and feed-forward layers, which do not touch attention, are left out.
 *
 * @param adapter what the model's family does around attention
 * @param blocks in the model's order; the list is copied
 */
public record Transformer(ModelAdapter adapter, List<AttentionBlock> blocks) {
  /** Copies the list of blocks. */
  public Transformer {
    blocks = List.copyOf(blocks);
  }

  /** A model with one block per set of weights, and LVSA's hook not installed. */
  public static Transformer of(ModelAdapter adapter, List<BlockWeights> weights) {
    List<AttentionBlock> blocks = new ArrayList<>();
    for (int block = 0; block < weights.size(); block++) {
      blocks.add(new AttentionBlock(adapter, block, weights.get(block)));
    }
    return new Transformer(adapter, blocks);
  }

  /**
   * Random weights. Projections keep the magnitude of their input, and the weights of norms are
   * near 1, so that many blocks in a row neither blow up nor fade. The same seed gives the same
   * weights.
   */
  public static List<BlockWeights> random(
      ModelAdapter adapter, BlockShape shape, int blocks, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<BlockWeights> all = new ArrayList<>();
    for (int block = 0; block < blocks; block++) {
      Map<String, INDArray> tensors = new LinkedHashMap<>();
      adapter.tensors(shape).forEach((name, size) -> tensors.put(name, draw(name, size, random)));
      all.add(new BlockWeights(shape, tensors));
    }
    return List.copyOf(all);
  }

  private static INDArray draw(String name, long[] size, SplittableRandom random) {
    boolean norm = name.contains("norm") && name.endsWith("weight");
    double spread = norm ? 0.1 : size.length == 2 ? 1 / Math.sqrt(size[1]) : 0.02;
    INDArray tensor = Nd4j.createUninitialized(DataType.FLOAT, size);
    MemorySegment memory = NdMemory.view(tensor);
    for (long i = 0; i < tensor.length(); i++) {
      DType.F32.set(memory, i, (float) ((norm ? 1 : 0) + spread * random.nextGaussian()));
    }
    return tensor;
  }

  /**
   * Reads the weights of a model's first blocks from a checkpoint.
   *
   * @throws org.lvsa.toolkit.io.MalformedFileException naming a tensor that is missing, extra or of
   *     another shape
   */
  public static List<BlockWeights> load(
      ModelAdapter adapter, BlockShape shape, int blocks, Weights weights) {
    List<BlockWeights> all = new ArrayList<>();
    for (int block = 0; block < blocks; block++) {
      all.add(
          new BlockWeights(shape, weights.block(adapter.prefix(block), adapter.tensors(shape))));
    }
    return List.copyOf(all);
  }

  /**
   * Installs LVSA's hook on every block, if the generation's configuration wants it.
   *
   * @return the number of blocks that it was installed on
   */
  public int install(Generation generation) {
    Hook hook = adapter.hook();
    if (!hook.wanted(generation.config())) {
      return 0;
    }
    OptionalInt frames = generation.latentFrames();
    if (frames.isEmpty()) {
      generation.warn(
          "[LVSA] Warning: "
              + hook.instruction()
              + " but LVSA_TOTAL_LATENT_FRAMES not set, and no request says how many latent frames"
              + " there are: hook not installed");
      return 0;
    }
    LvsaProcessor processor = new LvsaProcessor(adapter.family() + "_hook");
    blocks.forEach(block -> block.install(processor));
    generation.say(
        String.format(
            Locale.ROOT,
            "[LVSA-hook] Installed LVSA hook on %s (%d blocks, T_lat=%d, sparsity_scale=%s)",
            hook.module(),
            blocks.size(),
            frames.getAsInt(),
            generation.config().value(Setting.LVSA_SPARSITY_SCALE).text()));
    return blocks.size();
  }

  /**
   * Runs all blocks. Over several ranks, each rank takes its part of the video's tokens, runs the
   * blocks on it, and gathers the whole video at the end, as {@link
   * ModelAdapter#contextParallelPlan} says.
   *
   * @param streams the whole video's tokens and the encoder's
   * @param done is called after each block
   * @return the whole video's tokens and the encoder's, on every rank
   * @throws IllegalArgumentException if the tokens do not divide among the ranks
   */
  public Streams forward(Generation generation, Streams streams, Runnable done) {
    Streams local = new Streams(split(generation, streams.video()), streams.encoder());
    for (AttentionBlock block : blocks) {
      local = local.plus(block.attend(generation, local));
      done.run();
    }
    return new Streams(gather(generation, local.video()), local.encoder());
  }

  private INDArray split(Generation generation, INDArray video) {
    int world = generation.ranks().world();
    if (world == 1) {
      return video;
    }
    long tokens = video.size(0);
    if (tokens % world != 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s splits the video's tokens at %s: their number must be a multiple of the ranks (%d),"
                  + " got %d, which leaves %d",
              adapter.family(),
              adapter.contextParallelPlan().splitAt(),
              world,
              tokens,
              tokens % world));
    }
    long part = tokens / world;
    long first = generation.ranks().rank() * part;
    return video.get(NDArrayIndex.interval(first, first + part), NDArrayIndex.all()).dup('c');
  }

  private static INDArray gather(Generation generation, INDArray video) {
    if (generation.ranks().world() == 1) {
      return video;
    }
    float[][] parts = generation.ranks().allGather(NdMemory.floats(video));
    INDArray[] shards = new INDArray[parts.length];
    for (int rank = 0; rank < parts.length; rank++) {
      shards[rank] = NdMemory.copy(MemorySegment.ofArray(parts[rank]), video.shape());
    }
    return Nd4j.vstack(shards);
  }
}
