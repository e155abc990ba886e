// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.lang.foreign.MemorySegment;
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
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.pipeline.DeviceMemory;
import org.lvsa.toolkit.pipeline.TransformerOnDevice;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A HunyuanVideo 1.5 transformer on a device: patch embedding, blocks and output head. What they
 * are told is computed on the CPU: the embedding of the time step, and the tokens of the text,
 * which the token refiner makes anew at each time step. The device has room for the longest text
 * with its padding, so that texts of any length share what was compiled.
 */
final class DeviceHunyuan implements AutoCloseable {
  private final HunyuanConfig config;
  private final TransformerOnDevice transformer;

  DeviceHunyuan(HunyuanConfig config, Weights weights, TransformerOnDevice.Placing placing) {
    this.config = config;
    transformer =
        new TransformerOnDevice(
            shape(config),
            (name, to) -> weights.get(name).widen(0, to),
            weights.names().size(),
            placing);
  }

  /**
   * What decides how much memory a video takes.
   *
   * @param pictureTokens of the picture that it begins with; 0 without
   */
  static DeviceMemory.Sizes sizes(
      HunyuanConfig config, LatentSize latents, int pictureTokens, DeviceMemory.Decoder decoder) {
    HunyuanConfig.Patch patch = config.patch();
    return new DeviceMemory.Sizes(
        shape(config),
        video(
            latents.frames() / patch.frames(),
            latents.height() / patch.side(),
            latents.width() / patch.side(),
            pictureTokens),
        Optional.of(decoder));
  }

  private static TransformerVideo video(int frames, int rows, int columns, int pictureTokens) {
    return new TransformerVideo(frames, rows, columns, TextTokens.withPadding(pictureTokens));
  }

  private static TransformerShape shape(HunyuanConfig config) {
    HunyuanConfig.Patch patch = config.patch();
    return new TransformerShape(
        config.layers(),
        config.heads(),
        config.headDim(),
        config.feedForward(),
        new BlockShape.Joint(),
        (float) HunyuanConfig.EPS,
        TransformerShape.Axes.ofElements(config.rotary().axes()),
        new TransformerShape.Patch(
            config.channels().in(),
            config.channels().out(),
            patch.frames(),
            patch.side(),
            patch.side(),
            TransformerShape.Order.CHANNEL_FIRST));
  }

  /**
   * What a prediction is made from.
   *
   * @param latents with the channels of the condition and the mask
   * @param text its tokens
   * @param time what blocks are given: the embedding of the time step after its activation
   * @param headTime shift and scale of the output head
   */
  record Input(INDArray latents, TextTokens.Stream text, float[] time, float[] headTime) {}

  /**
   * Predicts the velocity, as {@link HunyuanTransformer#predict}.
   *
   * @param pictureTokens of the picture that the video begins with; 0 without
   * @param modulated gives what the first block's attention would see of the video, computed on the
   *     CPU
   */
  INDArray predict(
      Input input,
      VideoGrid grid,
      int pictureTokens,
      RotaryEmbedding rotary,
      VideoSelfAttention attention,
      Supplier<INDArray> modulated) {
    INDArray latents = input.latents();
    int batch = (int) latents.size(0);
    TransformerVideo video =
        TransformerOnDevice.withCache(
            video(grid.frames(), grid.patches().rows(), grid.patches().columns(), pictureTokens),
            attention,
            batch);
    BlockSparseLayout layout = attention.layout(config.layers(), grid);
    prepare(video);
    Turns turns = TransformerOnDevice.turns(rotary, grid);
    TransformerOnDevice.Blocks blocks =
        new TransformerOnDevice.Blocks(
            HunyuanTransformer.BLOCKS, ForwardPattern.PATTERN_0, modulated);
    return transformer.predict(
        latents,
        (element, its) ->
            new Forward(
                video,
                its,
                text(input.text(), element),
                MemorySegment.NULL,
                input.time(),
                input.headTime(),
                turns,
                layout),
        blocks,
        attention);
  }

  /** The tokens of one text, without the rows behind them. */
  private MemorySegment text(TextTokens.Stream texts, int element) {
    MemorySegment all = NdMemory.view(texts.tokens());
    long each = all.byteSize() / texts.counts().size();
    long bytes = (long) texts.counts().get(element) * config.width() * Float.BYTES;
    return all.asSlice(element * each, bytes);
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
