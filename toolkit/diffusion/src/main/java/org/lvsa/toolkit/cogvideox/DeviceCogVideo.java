// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.DeviceTransformer.Turns;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.blocks.ForwardPattern;
import org.lvsa.toolkit.pipeline.DeviceMemory;
import org.lvsa.toolkit.pipeline.LastEmbeddings;
import org.lvsa.toolkit.pipeline.TransformerOnDevice;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A CogVideoX transformer on a device. The embeddings of time step and text are computed on the
 * CPU, that of a text once; all the rest is on the device. Batch elements run one after another.
 */
final class DeviceCogVideo implements AutoCloseable {
  private final CogVideoXConfig config;
  private final TransformerOnDevice transformer;
  private final LastEmbeddings texts = new LastEmbeddings();

  DeviceCogVideo(CogVideoXConfig config, Weights weights, TransformerOnDevice.Placing placing) {
    this.config = config;
    transformer =
        new TransformerOnDevice(
            shape(config),
            (name, to) -> read(config, weights, name, to),
            weights.names().size(),
            placing);
  }

  /**
   * Reads a tensor by its published name. A norm's layer, which is two here, is one there, and
   * biases that a model has not are zeros.
   */
  private static void read(CogVideoXConfig config, Weights weights, String name, MemorySegment to) {
    if (name.contains(".norm1.linear.") || name.contains(".norm2.linear.")) {
      long half = to.byteSize() / 2;
      String stem = name.substring(0, name.lastIndexOf("linear."));
      String rest = name.substring(name.lastIndexOf('.'));
      weights.get(stem + CogVideoXNames.VIDEO + rest).widen(0, to.asSlice(0, half));
      weights.get(stem + CogVideoXNames.TEXT + rest).widen(0, to.asSlice(half));
    } else if (isMissing(config.biases(), name)) {
      to.fill((byte) 0);
    } else {
      weights.get(name).widen(0, to);
    }
  }

  private static boolean isMissing(CogVideoXConfig.Biases biases, String name) {
    return !biases.attention() && name.matches(".*\\.attn1\\.to_[qkv]\\.bias")
        || !biases.patch() && name.equals("patch_embed.proj.bias");
  }

  /** What decides how much memory a video takes. */
  static DeviceMemory.Sizes sizes(
      CogVideoXConfig config, LatentSize latents, DeviceMemory.Decoder decoder) {
    CogVideoXConfig.Patch patch = config.patch();
    TransformerVideo video =
        new TransformerVideo(
            latents.frames() / patch.frames(),
            latents.height() / patch.side(),
            latents.width() / patch.side(),
            config.text().tokens());
    return new DeviceMemory.Sizes(shape(config), video, Optional.of(decoder));
  }

  private static TransformerShape shape(CogVideoXConfig config) {
    boolean rotary = config.positions() instanceof CogVideoXConfig.Positions.Rotary;
    int spatial = rotary ? config.headDim() / 8 * 3 : 0;
    CogVideoXConfig.Patch patch = config.patch();
    return new TransformerShape(
        config.layers(),
        config.heads(),
        config.headDim(),
        config.feedForward(),
        new BlockShape.Shared(config.timeWidth(), !rotary),
        (float) config.eps(),
        TransformerShape.Axes.ofElements(
            List.of(rotary ? config.headDim() / 4 : 0, spatial, spatial)),
        new TransformerShape.Patch(
            config.channels().in(),
            config.channels().out(),
            patch.frames(),
            patch.side(),
            patch.side(),
            TransformerShape.Order.CHANNEL_FIRST));
  }

  /**
   * What the transformer is told besides latents and text.
   *
   * @param embedding of texts, on the CPU
   * @param time the time step's embedding after its activation
   * @param head shift and scale of the output head
   * @param places turns, or features, of each place along the axes of frames, rows and columns
   */
  record Told(
      UnaryOperator<INDArray> embedding, float[] time, float[] head, List<float[][]> places) {}

  /**
   * Predicts as {@link CogVideoXTransformer#predict}.
   *
   * @param modulated gives what the first block's self-attention would see, computed on the CPU
   */
  INDArray predict(
      CogVideoXTransformer.Input input,
      VideoGrid grid,
      Told told,
      VideoSelfAttention attention,
      Supplier<INDArray> modulated) {
    INDArray latents = input.latents();
    int batch = (int) latents.size(0);
    TransformerVideo video =
        TransformerOnDevice.withCache(
            new TransformerVideo(
                grid.frames(),
                grid.patches().rows(),
                grid.patches().columns(),
                (int) input.text().size(1)),
            attention,
            batch);
    BlockSparseLayout layout = attention.layout(config.layers(), grid);
    prepare(video);
    Turns places = TransformerOnDevice.turns(told.places());
    TransformerOnDevice.Blocks blocks =
        new TransformerOnDevice.Blocks(
            CogVideoXTransformer.BLOCKS, ForwardPattern.PATTERN_0, modulated);
    INDArray out =
        Nd4j.createUninitialized(
            DataType.FLOAT,
            latents.size(0),
            latents.size(1),
            config.channels().out(),
            latents.size(3),
            latents.size(4));
    for (int element = 0; element < batch; element++) {
      Frames from = Frames.of(latents, element);
      Frames to = Frames.of(out, element);
      MemorySegment prediction = MemorySegment.ofArray(new float[to.elements()]);
      transformer.predict(
          new Forward(
              video,
              from.channelsFirst(),
              texts.of(input.text(), element, told.embedding()),
              MemorySegment.NULL,
              told.time(),
              told.head(),
              places,
              layout),
          blocks,
          attention,
          prediction);
      to.take(prediction);
    }
    return out;
  }

  /**
   * Latents of one element of a batch, whose frames lie outside of their channels; a device has
   * them inside.
   *
   * @param memory {@code [frames, channels, plane]}, float32
   * @param plane bytes of a channel of a frame
   */
  private record Frames(MemorySegment memory, int frames, int channels, long plane) {
    static Frames of(INDArray latents, int element) {
      MemorySegment all = NdMemory.view(latents);
      long each = all.byteSize() / latents.size(0);
      int frames = (int) latents.size(1);
      int channels = (int) latents.size(2);
      return new Frames(
          all.asSlice(element * each, each), frames, channels, each / frames / channels);
    }

    int elements() {
      return Math.toIntExact(memory.byteSize() / Float.BYTES);
    }

    /** The same with channels outside of frames, a copy. */
    MemorySegment channelsFirst() {
      MemorySegment moved = MemorySegment.ofArray(new float[elements()]);
      move(moved, true);
      return moved;
    }

    /** Takes over what has its channels outside of its frames. */
    void take(MemorySegment from) {
      move(from, false);
    }

    private void move(MemorySegment other, boolean there) {
      for (int frame = 0; frame < frames; frame++) {
        for (int channel = 0; channel < channels; channel++) {
          long mine = ((long) frame * channels + channel) * plane;
          long its = ((long) channel * frames + frame) * plane;
          if (there) {
            MemorySegment.copy(memory, mine, other, its, plane);
          } else {
            MemorySegment.copy(other, its, memory, mine, plane);
          }
        }
      }
    }
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
