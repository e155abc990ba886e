// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.lvsa.toolkit.attention.RotaryTable;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.blocks.BlockList;
import org.lvsa.toolkit.blocks.ForwardPattern;
import org.lvsa.toolkit.layers.BlockSource;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.WeightShare;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.sharding.SequencePlan;
import org.lvsa.toolkit.sharding.SequencePlan.Gather;
import org.lvsa.toolkit.sharding.SequencePlan.SplitInput;
import org.lvsa.toolkit.sharding.SequencePlan.SplitOutput;
import org.lvsa.toolkit.sharding.SequenceShards;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Wan's transformer in float32: patch embedding, embeddings of time step, text and pictures,
 * blocks, output head. One call at a time.
 */
public final class WanTransformer implements AutoCloseable {
  /** The name of the list of blocks. */
  static final String BLOCKS = "blocks";

  private static final double ROTARY_THETA = 10_000;

  /**
   * Where ranks divide the video's tokens. Modulations are divided where there is one per token,
   * which their axes tell.
   */
  private static final SequencePlan SEQUENCE_PLAN =
      new SequencePlan(
          Map.of(
              "rope",
              List.of(new SplitOutput(0, 1, OptionalInt.of(4), true)),
              "timestep_proj_prepare",
              List.of(new SplitOutput(0, 1, OptionalInt.of(4), true)),
              "blocks.0",
              List.of(new SplitInput("hidden_states", 1, OptionalInt.of(3), true)),
              "output_scale_shift_prepare",
              List.of(new SplitOutput(0, 1, OptionalInt.of(3), true)),
              "proj_out",
              List.of(new Gather(0, 1, OptionalInt.of(3)))));

  private final WanConfig config;
  private final Weights weights;
  private final Patches inPatches;
  private final Patches outPatches;
  private final Linear patchEmbedding;
  private final Conditioning conditioning;
  private final BlockSource<WanBlock> blocks;
  private final Modulation headModulation;
  private final Linear head;
  private RotaryEmbedding rotary;
  private RotaryTable lastTable;
  private Optional<DeviceWan> device = Optional.empty();

  /**
   * A transformer with weights that are already checked against {@link WanConfig#tensors()}.
   *
   * @param weights closed together with the transformer
   */
  public WanTransformer(WanConfig config, Weights weights) {
    this(config, weights, RankPlace.alone());
  }

  private WanTransformer(WanConfig config, Weights weights, RankPlace place) {
    this.config = config;
    this.weights = weights;
    inPatches = new Patches(config.patch(), config.channels().in());
    outPatches = new Patches(config.patch(), config.channels().out());
    patchEmbedding = Linear.of(weights, "patch_embedding");
    conditioning = new Conditioning(config, weights);
    WeightShare share = new WeightShare(place.tensor());
    blocks =
        BlockSource.of(
            weights,
            BLOCKS,
            config.layers(),
            place.shards(),
            (its, layer) -> new WanBlock(config, its, share, layer));
    headModulation = new Modulation(weights.floats("scale_shift_table"), config.width());
    head = Linear.of(weights, "proj_out");
    rotary = new RotaryEmbedding(config.rotaryAxes(), ROTARY_THETA);
  }

  /**
   * Reads a published transformer.
   *
   * @param allowUnused whether the weights may hold tensors that the transformer does not need
   * @throws org.lvsa.toolkit.io.MalformedFileException naming what does not fit
   */
  public static WanTransformer open(ComponentFiles files, boolean allowUnused) {
    WanConfig config = WanConfig.of(ComponentConfig.read(files.folder()));
    Weights weights = Weights.of(files, WanNames.TRANSFORMER, config.tensors());
    try {
      weights.check(config.tensors(), unread(config), allowUnused);
      return new WanTransformer(config, weights);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  /**
   * Norms of queries to pictures, which checkpoints have and no published transformer uses:
   * pictures are asked with the text's queries.
   */
  private static Set<String> unread(WanConfig config) {
    return IntStream.range(0, config.layers())
        .mapToObj(layer -> BLOCKS + "." + layer + ".attn2.norm_added_q.weight")
        .collect(Collectors.toSet());
  }

  /** A transformer with random weights, the same on every machine, for trying speed and memory. */
  public static WanTransformer randomWeights(WanConfig config, long seed) {
    return new WanTransformer(config, Weights.random(config.tensors(), seed));
  }

  /** The sizes of the transformer. */
  public WanConfig config() {
    return config;
  }

  /** The weights, as they are stored. */
  public Weights weights() {
    return weights;
  }

  /**
   * The grid of tokens that latents make.
   *
   * @param latents {@code [batch, channels, frames, rows, columns]}
   * @throws IllegalArgumentException if they do not divide into patches, or the video is longer or
   *     larger than the model has positions
   */
  public VideoGrid grid(INDArray latents) {
    VideoGrid grid = inPatches.grid(latents);
    PatchGrid patches = grid.patches();
    int most = Math.max(grid.frames(), Math.max(patches.rows(), patches.columns()));
    if (most > config.trained().positions()) {
      throw new IllegalArgumentException(
          "the video has "
              + most
              + " patches along an axis, the model has "
              + config.trained().positions()
              + " positions");
    }
    return grid;
  }

  /**
   * Predicts the velocity.
   *
   * @param latents {@code [batch, channels, frames, rows, columns]}, float32, row-major
   * @param timestep the scheduler's, the same for all batch elements; 1000 is pure noise
   * @param text embeddings {@code [batch, textTokens, textWidth]}
   * @param attention of the video's tokens
   * @return a new tensor {@code [batch, outChannels, frames, rows, columns]}
   */
  public INDArray predict(
      INDArray latents, double timestep, INDArray text, VideoSelfAttention attention) {
    return predict(latents, timestep, text, attention, Observer.NONE);
  }

  /**
   * As {@link #predict(INDArray, double, INDArray, VideoSelfAttention)}.
   *
   * @param observer is shown the values on the way, under the names {@code patch_embed}, {@code
   *     b0.attn1.q} and so on
   */
  public INDArray predict(
      INDArray latents,
      double timestep,
      INDArray text,
      VideoSelfAttention attention,
      Observer observer) {
    float[] timesteps = new float[(int) latents.size(0)];
    Arrays.fill(timesteps, (float) timestep);
    return predict(new Input(latents, timesteps, text, Optional.empty()), attention, observer);
  }

  /**
   * What the transformer predicts from.
   *
   * @param latents {@code [batch, channels, frames, rows, columns]}, float32, row-major
   * @param timesteps the scheduler's: one per batch element, or one per latent frame of each, where
   *     frames are at different noise levels
   * @param text embeddings {@code [batch, textTokens, textWidth]}
   * @param image tokens of pictures {@code [batch, imageTokens, imageWidth]}; empty exactly where
   *     the model takes none
   */
  public record Input(
      INDArray latents, float[] timesteps, INDArray text, Optional<INDArray> image) {}

  /**
   * Predicts the velocity.
   *
   * @param attention of the video's tokens
   * @param observer is shown the values on the way
   * @return a new tensor {@code [batch, outChannels, frames, rows, columns]}
   */
  public INDArray predict(Input input, VideoSelfAttention attention, Observer observer) {
    INDArray latents = input.latents();
    VideoGrid grid = grid(latents);
    checkText(latents, input.text());
    checkTimesteps(latents, input.timesteps());
    if (device.isPresent()) {
      return device
          .get()
          .predict(input, grid, rotary, attention, () -> modulated(latents, input.timesteps()));
    }
    Conditioning.Time time = conditioning.time(input.timesteps(), observer);
    // A published model has a row of modulations per token where frames have their own time steps.
    int more = input.timesteps().length > latents.size(0) ? 1 : 0;
    try (SequenceShards shards = attention.sequence(SEQUENCE_PLAN, grid.tokens());
        INDArray x = shards.input("blocks.0", "hidden_states", embed(latents));
        WanBlock.Context context =
            new WanBlock.Context(
                conditioning.text(input.text()), conditioning.image(input.image()))) {
      RotaryTable table = shards.output("rope", 0, 4, table(grid), RotaryTable::part);
      float[][] times =
          shards.output("timestep_proj_prepare", 0, 3 + more, time.blocks(), Modulation::ofTokens);
      observer.see("patch_embed", x);
      observer.see("text_embed", context.text());
      context.image().ifPresent(image -> observer.see("image_embed", image));
      attention
          .blocks()
          .run(
              new BlockList(
                  BLOCKS,
                  config.layers(),
                  ForwardPattern.PATTERN_2,
                  x,
                  Optional.of(context.text()),
                  block ->
                      blocks.with(
                          block,
                          one -> {
                            one.apply(x, context, times, table, attention, observer);
                            return null;
                          }),
                  () -> blocks.with(0, one -> one.modulated(x, times))));
      float[][] head =
          shards.output(
              "output_scale_shift_prepare", 0, 2 + more, time.head(), Modulation::ofTokens);
      return head(x, head, grid, shards, observer);
    }
  }

  /** What the first block's self-attention sees, computed on the CPU. */
  private INDArray modulated(INDArray latents, float[] timesteps) {
    try (INDArray x = embed(latents)) {
      return blocks.with(
          0, one -> one.modulated(x, conditioning.time(timesteps, Observer.NONE).blocks()));
    }
  }

  private void checkTimesteps(INDArray latents, float[] timesteps) {
    long batch = latents.size(0);
    long frames = batch * latents.size(2) / config.patch().frames();
    if (timesteps.length != batch && timesteps.length != frames) {
      throw new IllegalArgumentException(
          "there must be a time step for each of "
              + batch
              + " batch elements or each of their "
              + frames
              + " latent frames, got "
              + timesteps.length);
    }
  }

  private void checkText(INDArray latents, INDArray text) {
    if (text.rank() != 3 || text.size(0) != latents.size(0) || text.size(2) != config.textWidth()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "text embeddings must be [%d, tokens, %d], got %s",
              latents.size(0),
              config.textWidth(),
              Arrays.toString(text.shape())));
    }
  }

  private INDArray embed(INDArray latents) {
    try (INDArray patches = inPatches.gather(latents)) {
      return patchEmbedding.apply(patches);
    }
  }

  private INDArray head(
      INDArray x, float[][] time, VideoGrid grid, SequenceShards shards, Observer observer) {
    observer.see("norm_out", () -> Norms.layerNorm(x, config.eps()));
    float[][] shift = headModulation.rowOfShared(0, time);
    float[][] scale = Modulation.onePlus(headModulation.rowOfShared(1, time));
    try (INDArray in = Norms.layerNorm(x, scale, shift, config.eps());
        INDArray out = shards.output("proj_out", 0, head.apply(in))) {
      observer.see("proj_in", in);
      observer.see("proj_out", out);
      return outPatches.scatter(out, grid);
    }
  }

  /**
   * The same transformer for one of several ranks, which may run at the same time; weights are
   * shared and stay this one's to close. A device is too: a rank that has one is a process of its
   * own.
   */
  WanTransformer forRank(RankPlace place) {
    WanTransformer other = new WanTransformer(config, weights, place);
    other.rotary = rotary;
    other.device = device;
    return other;
  }

  /** Slows the temporal position that would repeat, see {@link org.lvsa.toolkit.model.Riflex}. */
  void riflex(int trainingFrames, double scale) {
    rotary = new RotaryEmbedding(config.rotaryAxes(), ROTARY_THETA).riflex(trainingFrames, scale);
    lastTable = null;
  }

  /** Runs on a device from now on. */
  DeviceWan onDevice(DeviceWan.Placing placing) {
    device.ifPresent(DeviceWan::close);
    device = Optional.of(new DeviceWan(config, weights, conditioning, placing));
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
    device.ifPresent(DeviceWan::close);
    weights.close();
  }
}
