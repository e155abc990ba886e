// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.lvsa.toolkit.attention.RotaryTable;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.blocks.BlockList;
import org.lvsa.toolkit.blocks.ForwardPattern;
import org.lvsa.toolkit.layers.BlockSource;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Matrix;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.PatchLayout;
import org.lvsa.toolkit.layers.Rows;
import org.lvsa.toolkit.layers.TimeSinusoid;
import org.lvsa.toolkit.layers.WeightShare;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Riflex;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.pipeline.TransformerOnDevice;
import org.lvsa.toolkit.sharding.SequencePlan;
import org.lvsa.toolkit.sharding.SequenceShards;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * CogVideoX's transformer in float32: embeddings of patches, text and time step, blocks in which
 * text and video attend together, output head. One call at a time.
 */
public final class CogVideoXTransformer implements AutoCloseable {
  /** The name of the list of blocks. */
  static final String BLOCKS = "transformer_blocks";

  /** A table of positions that some files hold; it is computed here. */
  private static final String STORED_POSITIONS = "patch_embed.pos_embedding";

  private final CogVideoXConfig config;
  private final Weights weights;
  private final PatchLayout patches;
  private final Linear patchEmbedding;
  private final Linear textEmbedding;
  private final Linear time1;
  private final Linear time2;
  private final BlockSource<CogVideoXBlock> blocks;
  private final float[] finalWeight;
  private final float[] finalBias;
  private final TimedNorm headNorm;
  private final Linear head;
  private RotaryTable lastRotary;
  private double riflexScale = 1;
  private Optional<DeviceCogVideo> device = Optional.empty();

  /**
   * A transformer with weights that are already checked against {@link CogVideoXConfig#tensors()}.
   *
   * @param weights closed together with the transformer
   */
  public CogVideoXTransformer(CogVideoXConfig config, Weights weights) {
    this(config, weights, RankPlace.alone());
  }

  private CogVideoXTransformer(CogVideoXConfig config, Weights weights, RankPlace place) {
    this.config = config;
    this.weights = weights;
    CogVideoXConfig.Patch patch = config.patch();
    patches =
        new PatchLayout(PatchLayout.Axes.FRAMES_FIRST, patch.frames(), patch.side(), patch.side());
    patchEmbedding =
        config.biases().patch()
            ? Linear.of(weights, "patch_embed.proj")
            : Linear.withoutBias(weights, "patch_embed.proj");
    textEmbedding = Linear.of(weights, "patch_embed.text_proj");
    time1 = Linear.of(weights, "time_embedding.linear_1");
    time2 = Linear.of(weights, "time_embedding.linear_2");
    WeightShare share = new WeightShare(place.tensor());
    blocks =
        BlockSource.of(
            weights,
            BLOCKS,
            config.layers(),
            place.shards(),
            (its, layer) -> new CogVideoXBlock(config, its, share, layer));
    finalWeight = weights.floats("norm_final.weight");
    finalBias = weights.floats("norm_final.bias");
    headNorm = TimedNorm.of(weights, "norm_out.", config.eps());
    head = Linear.of(weights, "proj_out");
  }

  /**
   * Reads a published {@code transformer} folder.
   *
   * @param allowUnused whether the weights may hold tensors that the transformer does not need
   * @throws org.lvsa.toolkit.io.MalformedFileException naming what does not fit
   */
  public static CogVideoXTransformer open(ComponentFiles files, boolean allowUnused) {
    CogVideoXConfig config = CogVideoXConfig.of(ComponentConfig.read(files.folder()));
    Weights weights = Weights.of(files, CogVideoXNames.TRANSFORMER, config.tensors());
    try {
      weights.check(config.tensors(), Set.of(STORED_POSITIONS), allowUnused);
      return new CogVideoXTransformer(config, weights);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  /** A transformer with random weights, the same on every machine, for trying speed and memory. */
  public static CogVideoXTransformer randomWeights(CogVideoXConfig config, long seed) {
    return new CogVideoXTransformer(config, Weights.random(config.tensors(), seed));
  }

  /**
   * The same transformer for one of several ranks, which may run at the same time; weights are
   * shared and stay this one's to close. A device is too: a rank that has one is a process of its
   * own.
   */
  CogVideoXTransformer forRank(RankPlace place) {
    CogVideoXTransformer other = new CogVideoXTransformer(config, weights, place);
    other.riflexScale = riflexScale;
    other.device = device;
    return other;
  }

  /** Slows the temporal position that would repeat, see {@link org.lvsa.toolkit.model.Riflex}. */
  void riflex(double scale) {
    Riflex.frequencies(new double[] {1}, config.referenceFrames(), scale);
    riflexScale = scale;
    lastRotary = null;
  }

  /** The sizes of the transformer. */
  public CogVideoXConfig config() {
    return config;
  }

  /** The weights, as they are stored. */
  public Weights weights() {
    return weights;
  }

  /**
   * The grid of tokens that latents make.
   *
   * @param latents {@code [batch, frames, channels, rows, columns]}
   * @throws IllegalArgumentException if they do not divide into patches
   */
  public VideoGrid grid(INDArray latents) {
    PatchLayout.Patches grid = patches.patches(latents);
    if (grid == null || patches.channels(latents) != config.channels().in()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "latents must be [batch, frames, %d, rows, columns], frames a multiple of %d, rows and"
                  + " columns of %d, got %s",
              config.channels().in(),
              config.patch().frames(),
              config.patch().side(),
              Arrays.toString(latents.shape())));
    }
    return new VideoGrid(grid.frames(), new PatchGrid(grid.rows(), grid.columns()));
  }

  /**
   * Predicts {@code v}, see {@link org.lvsa.toolkit.schedulers.AlphaSchedule}.
   *
   * @param latents {@code [batch, frames, channels, rows, columns]}, float32, row-major
   * @param timestep the scheduler's, the same for all batch elements
   * @param text embeddings {@code [batch, textTokens, textWidth]}
   * @param attention of video and text together
   * @return a new tensor {@code [batch, frames, outChannels, rows, columns]}
   */
  public INDArray predict(
      INDArray latents, float timestep, INDArray text, VideoSelfAttention attention) {
    return predict(latents, timestep, text, attention, Observer.NONE);
  }

  /**
   * As {@link #predict(INDArray, float, INDArray, VideoSelfAttention)}.
   *
   * @param observer is shown the values on the way, under the names {@code temb}, {@code
   *     patch_embed.video}, {@code b0.norm1.video} and so on
   */
  public INDArray predict(
      INDArray latents,
      float timestep,
      INDArray text,
      VideoSelfAttention attention,
      Observer observer) {
    VideoGrid grid = grid(latents);
    checkText(latents, text);
    if (device.isPresent()) {
      return predict(device.get(), new Input(latents, text), timestep, attention);
    }
    Optional<RotaryTable> positions = rotary(grid);
    SequencePlan plan = SequencePlan.ofVideoStream("transformer_blocks.0", positions.isPresent());
    try (SequenceShards shards = attention.sequence(plan, grid.tokens());
        INDArray time = time(latents, timestep, observer);
        INDArray video =
            shards.input("transformer_blocks.0", "hidden_states", embed(latents, grid));
        INDArray encoder = textEmbedding.apply(text)) {
      observer.see("patch_embed.video", video);
      observer.see("patch_embed.text", encoder);
      CogVideoXBlock.Streams streams = new CogVideoXBlock.Streams(video, encoder);
      CogVideoXBlock.Context context =
          new CogVideoXBlock.Context(
              time,
              grid,
              positions.map(table -> shards.output("rope", 0, 4, table, RotaryTable::part)),
              attention,
              observer);
      attention
          .blocks()
          .run(
              new BlockList(
                  BLOCKS,
                  config.layers(),
                  ForwardPattern.PATTERN_0,
                  video,
                  Optional.of(encoder),
                  block ->
                      blocks.with(
                          block,
                          one -> {
                            one.apply(streams, context);
                            return null;
                          }),
                  () -> blocks.with(0, one -> one.modulated(video, time))));
      return head(video, context, shards);
    }
  }

  /**
   * Latents and text, as {@link #predict(INDArray, float, INDArray, VideoSelfAttention)} has them.
   */
  record Input(INDArray latents, INDArray text) {}

  private INDArray predict(
      DeviceCogVideo on, Input input, float timestep, VideoSelfAttention attention) {
    VideoGrid grid = grid(input.latents());
    try (INDArray time = time(input.latents(), timestep, Observer.NONE)) {
      DeviceCogVideo.Told told =
          new DeviceCogVideo.Told(
              textEmbedding::apply,
              Arrays.copyOf(NdMemory.floats(time), config.timeWidth()),
              headNorm.at(time).parts(0, 2)[0],
              places(grid));
      return on.predict(input, grid, told, attention, () -> modulated(input.latents(), grid, time));
    }
  }

  /** What the first block's self-attention sees, computed on the CPU. */
  private INDArray modulated(INDArray latents, VideoGrid grid, INDArray time) {
    try (INDArray video = embed(latents, grid)) {
      return blocks.with(0, one -> one.modulated(video, time));
    }
  }

  /** What each place along the axes turns, or what it adds to tokens. */
  private List<float[][]> places(VideoGrid grid) {
    return config.positions() instanceof CogVideoXConfig.Positions.Sines sines
        ? PositionTables.features(sines, config.width(), grid)
        : PositionTables.turns(config, grid, riflexScale);
  }

  private void checkText(INDArray latents, INDArray text) {
    int width = config.text().width();
    if (text.rank() != 3 || text.size(0) != latents.size(0) || text.size(2) != width) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "text embeddings must be [%d, tokens, %d], got %s",
              latents.size(0),
              width,
              Arrays.toString(text.shape())));
    }
  }

  /** The time step's embedding after the activation that each of its uses begins with. */
  private INDArray time(INDArray latents, float timestep, Observer observer) {
    float[] timesteps = new float[Math.toIntExact(latents.size(0))];
    Arrays.fill(timesteps, timestep);
    try (INDArray sinusoid = TimeSinusoid.of(timesteps, config.width());
        INDArray inner = time1.apply(sinusoid)) {
      Elementwise.silu(inner);
      INDArray embedding = time2.apply(inner);
      observer.see("temb", embedding);
      Elementwise.silu(embedding);
      return embedding;
    }
  }

  private INDArray embed(INDArray latents, VideoGrid grid) {
    try (INDArray values = patches.gather(latents, PatchLayout.Order.CHANNEL_FIRST)) {
      INDArray tokens = patchEmbedding.apply(values);
      if (config.positions() instanceof CogVideoXConfig.Positions.Sines sines) {
        float[] table = PositionTables.sines(sines, config.width(), grid);
        Matrix rows = Matrix.of(tokens, config.width());
        Rows.map(
            rows,
            rows,
            (index, row) -> {
              int at = index % grid.tokens() * row.length;
              for (int i = 0; i < row.length; i++) {
                row[i] += table[at + i];
              }
            });
      }
      return tokens;
    }
  }

  private Optional<RotaryTable> rotary(VideoGrid grid) {
    if (config.positions() instanceof CogVideoXConfig.Positions.Sines) {
      return Optional.empty();
    }
    if (lastRotary == null || !lastRotary.grid().equals(grid)) {
      lastRotary = PositionTables.rotary(config, grid, riflexScale);
    }
    return Optional.of(lastRotary);
  }

  private INDArray head(INDArray video, CogVideoXBlock.Context context, SequenceShards shards) {
    Observer observer = context.observer();
    VideoGrid grid = context.grid();
    try (INDArray normed = Norms.layerNorm(video, finalWeight, finalBias, config.eps());
        INDArray in = headNorm.at(context.time()).apply(normed, 0);
        INDArray out = shards.output("proj_out", 0, head.apply(in))) {
      observer.see("norm_final", normed);
      observer.see("norm_out", in);
      observer.see("proj_out", out);
      return patches.scatter(
          out,
          new PatchLayout.Patches(grid.frames(), grid.patches().rows(), grid.patches().columns()),
          PatchLayout.Order.CHANNEL_FIRST);
    }
  }

  /** Runs on a device from now on. */
  DeviceCogVideo onDevice(TransformerOnDevice.Placing placing) {
    device.ifPresent(DeviceCogVideo::close);
    device = Optional.of(new DeviceCogVideo(config, weights, placing));
    return device.get();
  }

  /** Whether it runs on a device. */
  boolean isOnDevice() {
    return device.isPresent();
  }

  @Override
  public void close() {
    device.ifPresent(DeviceCogVideo::close);
    weights.close();
  }
}
