// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Supplier;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.DeviceTransformer.Turns;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.blocks.ForwardPattern;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.pipeline.DeviceMemory;
import org.lvsa.toolkit.pipeline.LastEmbeddings;
import org.lvsa.toolkit.pipeline.TransformerOnDevice;
import org.lvsa.toolkit.text.PromptEncoder;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A Wan transformer on a device. The embeddings of time steps, text and pictures are computed on
 * the CPU, those of texts and pictures once each; all the rest is on the device. Batch elements run
 * one after another.
 */
final class DeviceWan implements AutoCloseable {
  private final WanConfig config;
  private final Conditioning conditioning;
  private final boolean frameTimes;
  private final Modulation headModulation;
  private final TransformerOnDevice transformer;
  private final LastEmbeddings texts = new LastEmbeddings();
  private final LastEmbeddings pictures = new LastEmbeddings();

  /**
   * How transformers of a model are put on a device.
   *
   * @param frameTimes whether each latent frame may have its own time step
   */
  record Placing(TransformerOnDevice.Placing device, boolean frameTimes) {}

  DeviceWan(WanConfig config, Weights weights, Conditioning conditioning, Placing placing) {
    this.config = config;
    this.conditioning = conditioning;
    frameTimes = placing.frameTimes();
    headModulation = new Modulation(weights.floats("scale_shift_table"), config.width());
    transformer =
        new TransformerOnDevice(
            shape(config),
            (name, to) -> weights.get(name).widen(0, to),
            weights.names().size(),
            placing.device());
  }

  /**
   * What decides how much memory a video takes.
   *
   * @param pictureTokens of the image encoder; 0 without
   * @param frameTimes whether each latent frame may have its own time step
   */
  static DeviceMemory.Sizes sizes(
      WanConfig config,
      LatentSize latents,
      int pictureTokens,
      boolean frameTimes,
      DeviceMemory.Decoder decoder) {
    WanConfig.Patch patch = config.patch();
    int frames = latents.frames() / patch.frames();
    return new DeviceMemory.Sizes(
        shape(config),
        new TransformerVideo(
            frames,
            latents.height() / patch.rows(),
            latents.width() / patch.columns(),
            new TransformerVideo.Told(
                PromptEncoder.TOKENS, pictureTokens, frameTimes ? frames : 1)),
        Optional.of(decoder));
  }

  private static TransformerShape shape(WanConfig config) {
    return new TransformerShape(
        config.layers(),
        config.heads(),
        config.headDim(),
        config.feedForward(),
        new BlockShape.Cross(config.crossAttentionNorm(), config.image().isPresent()),
        (float) config.eps(),
        TransformerShape.Axes.ofElements(config.rotaryAxes()),
        new TransformerShape.Patch(
            config.channels().in(),
            config.channels().out(),
            config.patch().frames(),
            config.patch().rows(),
            config.patch().columns(),
            TransformerShape.Order.CHANNEL_LAST));
  }

  /**
   * Predicts the velocity, as {@link WanTransformer#predict}.
   *
   * @param modulated gives what the first block's self-attention would see, computed on the CPU
   */
  INDArray predict(
      WanTransformer.Input input,
      VideoGrid grid,
      RotaryEmbedding rotary,
      VideoSelfAttention attention,
      Supplier<INDArray> modulated) {
    INDArray latents = input.latents();
    int batch = (int) latents.size(0);
    TransformerVideo video = TransformerOnDevice.withCache(video(input, grid), attention, batch);
    float[][][] times = times(input, batch, video.told().timesteps());
    BlockSparseLayout layout = attention.layout(config.layers(), grid);
    prepare(video);
    Turns turns = TransformerOnDevice.turns(rotary, grid);
    TransformerOnDevice.Blocks blocks =
        new TransformerOnDevice.Blocks(WanTransformer.BLOCKS, ForwardPattern.PATTERN_2, modulated);
    return transformer.predict(
        latents,
        (element, its) ->
            new Forward(
                video,
                its,
                texts.of(input.text(), element, conditioning::text),
                input
                    .image()
                    .map(image -> pictures.of(image, element, this::pictures))
                    .orElse(MemorySegment.NULL),
                times[element][0],
                times[element][1],
                turns,
                layout),
        blocks,
        attention);
  }

  private TransformerVideo video(WanTransformer.Input input, VideoGrid grid) {
    int pictureTokens = input.image().map(image -> (int) image.size(1)).orElse(0);
    return new TransformerVideo(
        grid.frames(),
        grid.patches().rows(),
        grid.patches().columns(),
        new TransformerVideo.Told(
            (int) input.text().size(1), pictureTokens, frameTimes ? grid.frames() : 1));
  }

  /** What the time steps give to blocks and head, for each batch element. */
  private float[][][] times(WanTransformer.Input input, int batch, int each) {
    int given = input.timesteps().length / batch;
    if (given > each) {
      throw new IllegalArgumentException(
          "--transformer device needs one time step for all frames of this model's videos");
    }
    Conditioning.Time time = conditioning.time(input.timesteps(), Observer.NONE);
    float[][] head = head(time.head());
    float[][][] all = new float[batch][][];
    for (int element = 0; element < batch; element++) {
      all[element] =
          new float[][] {
            joined(time.blocks(), element * given, given, each),
            joined(head, element * given, given, each)
          };
    }
    return all;
  }

  /** Shift and scale of the output head for each time step. */
  private float[][] head(float[][] times) {
    float[][] shifts = headModulation.rowOfShared(0, times);
    float[][] scales = headModulation.rowOfShared(1, times);
    float[][] rows = new float[times.length][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = Arrays.copyOf(shifts[i], 2 * config.width());
      System.arraycopy(scales[i], 0, rows[i], config.width(), config.width());
    }
    return rows;
  }

  /** One row behind the other; where only one is given, it stands for all. */
  private static float[] joined(float[][] rows, int first, int given, int each) {
    int width = rows[first].length;
    float[] all = new float[each * width];
    for (int i = 0; i < each; i++) {
      System.arraycopy(rows[first + (given == 1 ? 0 : i)], 0, all, i * width, width);
    }
    return all;
  }

  private INDArray pictures(INDArray tokens) {
    return conditioning.image(Optional.of(tokens)).orElseThrow();
  }

  /** Compiles and uploads for a video of that size where that is not done yet. */
  void prepare(TransformerVideo video) {
    transformer.prepare(video);
  }

  @Override
  public void close() {
    transformer.close();
  }
}
