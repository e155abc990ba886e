// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.DeviceTransformer.ForwardTimes;
import org.lvsa.kernels.transformer.DeviceTransformer.Progress;
import org.lvsa.kernels.transformer.DeviceTransformer.Turns;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.pipeline.DeviceMemory;
import org.lvsa.toolkit.profile.ForwardEvent;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.text.PromptEncoder;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A Wan transformer on a device. The embeddings of time step and text are computed on the CPU, the
 * text's once per prompt; all the rest is on the device. Batch elements run one after another.
 */
final class DeviceWan implements AutoCloseable {
  /** Prompts whose embeddings are kept: one and a negative one, of two generations. */
  private static final int KEPT = 4;

  private final WanConfig config;
  private final Conditioning conditioning;
  private final Progress progress;
  private final DeviceTransformer transformer;
  private final List<Text> texts = new ArrayList<>();

  /** A prompt's states, and what the text embedding makes of them. */
  private record Text(float[] states, float[] embedded) {}

  DeviceWan(
      WanConfig config,
      Weights weights,
      Conditioning conditioning,
      DeviceChoice choice,
      Progress progress) {
    this.config = config;
    this.conditioning = conditioning;
    this.progress = progress;
    int all = weights.names().size();
    AtomicInteger read = new AtomicInteger();
    transformer =
        choice.open(
            shape(config),
            (name, to) -> {
              progress.at(read.getAndIncrement(), all, "reading the weights");
              weights.get(name).widen(0, to);
            });
  }

  /** Refuses a model that no device takes. */
  static void check(WanConfig config) {
    if (config.image().isPresent()) {
      throw new IllegalArgumentException(
          "--transformer device takes no models with tokens of pictures: give --transformer cpu");
    }
  }

  /** What decides how much memory a video takes. */
  static DeviceMemory.Sizes sizes(WanConfig config, LatentSize latents) {
    WanConfig.Patch patch = config.patch();
    return new DeviceMemory.Sizes(
        shape(config),
        new TransformerVideo(
            latents.frames() / patch.frames(),
            latents.height() / patch.rows(),
            latents.width() / patch.columns(),
            PromptEncoder.TOKENS));
  }

  private static TransformerShape shape(WanConfig config) {
    return new TransformerShape(
        config.layers(),
        config.heads(),
        config.headDim(),
        config.feedForward(),
        config.crossAttentionNorm(),
        (float) config.eps(),
        new TransformerShape.Patch(
            config.channels().in(),
            config.channels().out(),
            config.patch().frames(),
            config.patch().rows(),
            config.patch().columns()));
  }

  /** Predicts the velocity, as {@link WanTransformer#predict}. */
  INDArray predict(
      WanTransformer.Input input,
      VideoGrid grid,
      RotaryEmbedding rotary,
      VideoSelfAttention attention) {
    INDArray latents = input.latents();
    int batch = (int) latents.size(0);
    if (input.timesteps().length != batch) {
      throw new IllegalArgumentException(
          "--transformer device needs one time step for all frames of a video");
    }
    Conditioning.Time time = conditioning.time(input.timesteps(), Observer.NONE);
    BlockSparseLayout layout = attention.layout(config.layers(), grid);
    int textTokens = (int) input.text().size(1);
    TransformerVideo video =
        new TransformerVideo(
            grid.frames(), grid.patches().rows(), grid.patches().columns(), textTokens);
    prepare(video);
    Turns turns = turns(rotary, grid);
    long[] shape = latents.shape().clone();
    shape[1] = config.channels().out();
    INDArray out = Nd4j.createUninitialized(DataType.FLOAT, shape);
    MemorySegment from = NdMemory.view(latents);
    MemorySegment to = NdMemory.view(out);
    long inBytes = from.byteSize() / batch;
    long outBytes = to.byteSize() / batch;
    float[] states = NdMemory.floats(input.text());
    int each = states.length / batch;
    for (int element = 0; element < batch; element++) {
      float[] text =
          embedded(Arrays.copyOfRange(states, element * each, (element + 1) * each), textTokens);
      Forward forward =
          new Forward(
              video,
              from.asSlice(element * inBytes, inBytes),
              MemorySegment.ofArray(text),
              time.blocks()[element],
              time.head()[element],
              turns,
              layout);
      attention.ranElsewhere(
          transformer.device(),
          kernels(),
          predict(forward, to.asSlice(element * outBytes, outBytes)));
    }
    return out;
  }

  /** Milliseconds of a forward pass, which is measured by kind of work where that is recorded. */
  private double predict(Forward forward, MemorySegment out) {
    if (!ForwardEvent.recorded()) {
      return transformer.predict(forward, out);
    }
    try (ForwardEvent event = ForwardEvent.begin(transformer.device())) {
      ForwardTimes times = transformer.measure(forward, out);
      event.ran(kernels(), times);
      return times.wall();
    }
  }

  /** Compiles and uploads for a video of that size where that is not done yet. */
  void prepare(TransformerVideo video) {
    try {
      transformer.prepare(video, progress);
    } catch (KernelFailedException e) {
      throw new UnavailableException("--transformer device: " + e.getMessage());
    }
  }

  private String kernels() {
    return transformer.kernels().products() + "+" + transformer.kernels().attention();
  }

  private float[] embedded(float[] states, int tokens) {
    for (Text text : texts) {
      if (Arrays.equals(text.states(), states)) {
        return text.embedded();
      }
    }
    long[] shape = {1, tokens, config.textWidth()};
    try (INDArray all = NdMemory.copy(MemorySegment.ofArray(states), shape);
        INDArray embedded = conditioning.text(all)) {
      Text text = new Text(states, NdMemory.floats(embedded));
      if (texts.size() == KEPT) {
        texts.removeFirst();
      }
      texts.add(text);
      return text.embedded();
    }
  }

  private static Turns turns(RotaryEmbedding rotary, VideoGrid grid) {
    return new Turns(
        along(rotary, 0, grid.frames()),
        along(rotary, 1, grid.patches().rows()),
        along(rotary, 2, grid.patches().columns()));
  }

  private static float[] along(RotaryEmbedding rotary, int axis, int places) {
    int each = rotary.along(axis, 0).length;
    float[] all = new float[places * each];
    for (int place = 0; place < places; place++) {
      System.arraycopy(rotary.along(axis, place), 0, all, place * each, each);
    }
    return all;
  }

  @Override
  public void close() {
    transformer.close();
  }
}
