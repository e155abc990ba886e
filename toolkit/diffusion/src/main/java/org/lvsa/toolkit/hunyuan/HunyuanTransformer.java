// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.lvsa.toolkit.attention.RotaryTable;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.blocks.BlockList;
import org.lvsa.toolkit.blocks.ForwardPattern;
import org.lvsa.toolkit.hunyuan.Condition.Embedder;
import org.lvsa.toolkit.hunyuan.HunyuanBlock.Streams;
import org.lvsa.toolkit.layers.BlockSource;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.PatchLayout;
import org.lvsa.toolkit.layers.WeightShare;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.pipeline.TransformerOnDevice;
import org.lvsa.toolkit.sharding.SequencePlan;
import org.lvsa.toolkit.sharding.SequenceShards;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * HunyuanVideo 1.5's transformer in float32: patch embedding, text tokens, blocks in which video
 * and text attend together, output head. One call at a time.
 */
final class HunyuanTransformer implements AutoCloseable {
  /** The name of the list of blocks. */
  static final String BLOCKS = "transformer_blocks";

  private static final SequencePlan SEQUENCE_PLAN =
      SequencePlan.ofVideoStream("transformer_blocks.0", true);

  private final HunyuanConfig config;
  private final Weights weights;
  private final PatchLayout patches;
  private final Linear patchEmbedding;
  private final Embedder time;
  private final Optional<Embedder> nextTime;
  private final TextTokens textTokens;
  private final BlockSource<HunyuanBlock> blocks;
  private final Linear headScale;
  private final Linear headShift;
  private final Linear head;
  private RotaryEmbedding rotary;
  private RotaryTable lastTable;
  private Optional<DeviceHunyuan> device = Optional.empty();

  /**
   * A transformer with weights that are already checked against {@link HunyuanConfig#tensors()}.
   *
   * @param weights closed together with the transformer
   */
  HunyuanTransformer(HunyuanConfig config, Weights weights) {
    this(config, weights, RankPlace.alone());
  }

  private HunyuanTransformer(HunyuanConfig config, Weights weights, RankPlace place) {
    this.config = config;
    this.weights = weights;
    HunyuanConfig.Patch patch = config.patch();
    patches =
        new PatchLayout(
            PatchLayout.Axes.CHANNELS_FIRST, patch.frames(), patch.side(), patch.side());
    patchEmbedding = Linear.of(weights, "x_embedder.proj");
    time = Embedder.of(weights, HunyuanConfig.TIME);
    nextTime =
        config.meanFlow()
            ? Optional.of(Embedder.of(weights, HunyuanConfig.NEXT_TIME))
            : Optional.empty();
    textTokens = new TextTokens(config, weights);
    WeightShare share = new WeightShare(place.tensor());
    blocks =
        BlockSource.of(
            weights,
            BLOCKS,
            config.layers(),
            place.shards(),
            (its, layer) -> new HunyuanBlock(config, its, share, layer));
    headScale = Linear.of(weights, HunyuanNames.HEAD_SCALE);
    headShift = Linear.of(weights, HunyuanNames.HEAD_SHIFT);
    head = Linear.of(weights, "proj_out");
    rotary = new RotaryEmbedding(config.rotary().axes(), config.rotary().theta());
  }

  /**
   * Reads a published transformer.
   *
   * @param allowUnused whether the weights may hold tensors that the transformer does not need
   * @throws org.lvsa.toolkit.io.MalformedFileException naming what does not fit
   */
  static HunyuanTransformer open(ComponentFiles files, boolean allowUnused) {
    ComponentConfig file = ComponentConfig.read(files.folder());
    if (files.random()) {
      HunyuanConfig config = HunyuanConfig.of(file, HunyuanConfig.GLYPH_HIDDEN);
      return new HunyuanTransformer(
          config, Weights.of(files, HunyuanNames.TRANSFORMER, config.tensors()));
    }
    Weights weights = Weights.open(files.weights(), HunyuanNames.TRANSFORMER);
    try {
      int glyphHidden = weights.get("context_embedder_2.linear_1.weight").size(0);
      HunyuanConfig config = HunyuanConfig.of(file, glyphHidden);
      weights.check(config.tensors(), Set.of(), allowUnused);
      return new HunyuanTransformer(config, weights);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  /** The sizes of the transformer. */
  HunyuanConfig config() {
    return config;
  }

  /** The weights, as they are stored. */
  Weights weights() {
    return weights;
  }

  /**
   * Predicts the velocity.
   *
   * @param sample noisy latents
   * @param conditions what they shall become
   * @param attention of the video's tokens and the text's
   * @return a new tensor of the shape of the latents
   */
  INDArray predict(Sample sample, Conditions conditions, VideoSelfAttention attention) {
    return predict(sample, conditions, attention, Observer.NONE);
  }

  /**
   * As {@link #predict(Sample, Conditions, VideoSelfAttention)}.
   *
   * @param observer is shown the values on the way, under the names {@code x_embed}, {@code
   *     b0.norm1} and so on
   */
  INDArray predict(
      Sample sample, Conditions conditions, VideoSelfAttention attention, Observer observer) {
    VideoGrid grid = grid(sample.latents(), conditions.texts().size());
    if (device.isPresent()) {
      return onDevice(device.get(), sample, conditions, attention, grid);
    }
    try (SequenceShards shards = attention.sequence(SEQUENCE_PLAN, grid.tokens());
        INDArray embedding = time(sample);
        Streams x =
            new Streams(
                shards.input("transformer_blocks.0", "hidden_states", embed(sample, conditions)),
                textTokens.of(conditions, sample.timestep(), observer))) {
      RotaryTable table = shards.output("rope", 0, 4, table(grid), RotaryTable::part);
      observer.see("temb", embedding);
      observer.see("x_embed", x.video());
      observer.see("tokens.encoder_in", x.text());
      attention
          .blocks()
          .run(
              new BlockList(
                  BLOCKS,
                  config.layers(),
                  ForwardPattern.PATTERN_0,
                  x.video(),
                  Optional.of(x.text()),
                  block ->
                      blocks.with(
                          block,
                          one -> {
                            one.apply(x, embedding, table, attention, observer);
                            return null;
                          }),
                  () -> blocks.with(0, one -> one.modulated(x.video(), embedding))));
      return head(x.video(), embedding, grid, shards, observer);
    }
  }

  private INDArray onDevice(
      DeviceHunyuan there,
      Sample sample,
      Conditions conditions,
      VideoSelfAttention attention,
      VideoGrid grid) {
    TextTokens.Stream text = textTokens.of(conditions, sample.timestep(), Observer.NONE);
    try (INDArray latents = input(sample, conditions);
        INDArray embedding = time(sample);
        INDArray tokens = text.tokens()) {
      float[] headTime = new float[2 * config.width()];
      System.arraycopy(Condition.parts(headShift, embedding)[0][0], 0, headTime, 0, config.width());
      System.arraycopy(
          Condition.parts(headScale, embedding)[0][0], 0, headTime, config.width(), config.width());
      try (INDArray activated = embedding.dup('c')) {
        Elementwise.silu(activated);
        return there.predict(
            new DeviceHunyuan.Input(
                latents,
                new TextTokens.Stream(tokens, text.counts()),
                NdMemory.floats(activated),
                headTime),
            grid,
            conditions.picture().map(its -> (int) its.tokens().size(1)).orElse(0),
            rotary,
            attention,
            () -> modulated(sample, conditions, embedding));
      }
    }
  }

  /** What the first block's attention sees of the video, computed on the CPU. */
  private INDArray modulated(Sample sample, Conditions conditions, INDArray embedding) {
    try (INDArray x = embed(sample, conditions)) {
      return blocks.with(0, one -> one.modulated(x, embedding));
    }
  }

  private INDArray time(Sample sample) {
    INDArray embedding = time.time(sample.timestep());
    if (sample.next().isPresent() && nextTime.isPresent()) {
      try (INDArray next = nextTime.get().time(sample.next().get())) {
        Elementwise.add(embedding, next);
      }
    }
    return embedding;
  }

  private VideoGrid grid(INDArray latents, int batch) {
    PatchLayout.Patches count = patches.patches(latents);
    if (count == null
        || latents.size(0) != batch
        || patches.channels(latents) != config.channels().out()) {
      HunyuanConfig.Patch patch = config.patch();
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "latents must be [%d, %d, frames, rows, columns], the last three multiples of %d, %d and %d, got %s",
              batch,
              config.channels().out(),
              patch.frames(),
              patch.side(),
              patch.side(),
              Arrays.toString(latents.shape())));
    }
    return new VideoGrid(count.frames(), new PatchGrid(count.rows(), count.columns()));
  }

  /** The sample, and behind it the picture's condition and mask, zeros where there is none. */
  private INDArray input(Sample sample, Conditions conditions) {
    INDArray latents = sample.latents();
    long[] shape = latents.shape().clone();
    shape[1] = config.channels().in();
    INDArray all = Nd4j.zeros(DataType.FLOAT, shape);
    MemorySegment from = NdMemory.view(latents);
    MemorySegment to = NdMemory.view(all);
    long bytes = from.byteSize() / shape[0];
    for (long element = 0; element < shape[0]; element++) {
      to.asSlice(element * to.byteSize() / shape[0], bytes)
          .copyFrom(from.asSlice(element * bytes, bytes));
    }
    conditions.picture().ifPresent(picture -> picture.writeTo(all));
    return all;
  }

  private INDArray embed(Sample sample, Conditions conditions) {
    try (INDArray all = input(sample, conditions);
        INDArray values = patches.gather(all, PatchLayout.Order.CHANNEL_FIRST)) {
      return patchEmbedding.apply(values);
    }
  }

  private INDArray head(
      INDArray x, INDArray embedding, VideoGrid grid, SequenceShards shards, Observer observer) {
    float[][] scale = Condition.onePlus(Condition.parts(headScale, embedding)[0]);
    float[][] shift = Condition.parts(headShift, embedding)[0];
    try (INDArray in = Norms.layerNorm(x, scale, shift, HunyuanConfig.EPS);
        INDArray out = shards.output("proj_out", 0, head.apply(in))) {
      observer.see("norm_out", in);
      observer.see("proj_out", out);
      return patches.scatter(
          out,
          new PatchLayout.Patches(grid.frames(), grid.patches().rows(), grid.patches().columns()),
          PatchLayout.Order.CHANNEL_FIRST);
    }
  }

  /**
   * The same transformer for one of several ranks, which may run at the same time; weights are
   * shared and stay this one's to close. A device is too: a rank that has one is a process of its
   * own.
   */
  HunyuanTransformer forRank(RankPlace place) {
    HunyuanTransformer other = new HunyuanTransformer(config, weights, place);
    other.rotary = rotary;
    other.device = device;
    return other;
  }

  /** Slows the temporal position that would repeat, see {@link org.lvsa.toolkit.model.Riflex}. */
  void riflex(int trainingFrames, double scale) {
    rotary =
        new RotaryEmbedding(config.rotary().axes(), config.rotary().theta())
            .riflex(trainingFrames, scale);
    lastTable = null;
  }

  /** Runs on a device from now on. */
  DeviceHunyuan onDevice(TransformerOnDevice.Placing placing) {
    device.ifPresent(DeviceHunyuan::close);
    device = Optional.of(new DeviceHunyuan(config, weights, placing));
    return device.get();
  }

  private RotaryTable table(VideoGrid grid) {
    if (lastTable == null || !lastTable.grid().equals(grid)) {
      lastTable = new RotaryTable(rotary, grid);
    }
    return lastTable;
  }

  @Override
  public void close() {
    device.ifPresent(DeviceHunyuan::close);
    weights.close();
  }
}
