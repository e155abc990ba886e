// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.DeviceTransformer.ForwardTimes;
import org.lvsa.kernels.transformer.DeviceTransformer.Turns;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.blocks.ArrayTokens;
import org.lvsa.toolkit.blocks.BlockList;
import org.lvsa.toolkit.blocks.ForwardPattern;
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
 * A Wan transformer on a device. The embeddings of time steps, text and pictures are computed on
 * the CPU, those of texts and pictures once each; all the rest is on the device. Batch elements run
 * one after another.
 */
final class DeviceWan implements AutoCloseable {
  private final WanConfig config;
  private final Conditioning conditioning;
  private final Placing placing;
  private final Modulation headModulation;
  private final DeviceTransformer transformer;
  private final Embeddings texts = new Embeddings();
  private final Embeddings pictures = new Embeddings();
  private Optional<Kept> streams = Optional.empty();

  /** The streams of a video of one size. */
  private record Kept(TransformerVideo video, DeviceStreams streams) {}

  /**
   * How transformers of a model are put on a device.
   *
   * @param choice of the device
   * @param frameTimes whether each latent frame may have its own time step
   * @param turn where several share the device
   * @param progress is told how far it is
   */
  record Placing(DeviceChoice choice, boolean frameTimes, Turn turn, Progress progress) {}

  /** Of the transformers that share a device, one is there at a time. */
  static final class Turn {
    private Optional<DeviceWan> last = Optional.empty();

    private void take(DeviceWan next) {
      last.filter(other -> other != next).ifPresent(other -> other.transformer.release());
      last = Optional.of(next);
    }
  }

  /** States of the last prompts or pictures, and what an embedding makes of them. */
  private static final class Embeddings {
    /** One and a negative one, of two generations. */
    private static final int KEPT = 4;

    private final List<Embedded> kept = new ArrayList<>();

    private record Embedded(float[] states, float[] embedded) {}

    float[] of(float[] states, long[] shape, UnaryOperator<INDArray> embedding) {
      for (Embedded one : kept) {
        if (Arrays.equals(one.states(), states)) {
          return one.embedded();
        }
      }
      try (INDArray all = NdMemory.copy(MemorySegment.ofArray(states), shape);
          INDArray embedded = embedding.apply(all)) {
        Embedded one = new Embedded(states, NdMemory.floats(embedded));
        if (kept.size() == KEPT) {
          kept.removeFirst();
        }
        kept.add(one);
        return one.embedded();
      }
    }
  }

  DeviceWan(WanConfig config, Weights weights, Conditioning conditioning, Placing placing) {
    this.config = config;
    this.conditioning = conditioning;
    this.placing = placing;
    headModulation = new Modulation(weights.floats("scale_shift_table"), config.width());
    int all = weights.names().size();
    AtomicInteger read = new AtomicInteger();
    transformer =
        placing
            .choice()
            .open(
                shape(config),
                (name, to) -> {
                  placing.progress().at(read.getAndIncrement(), all, "reading the weights");
                  weights.get(name).widen(0, to);
                });
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
        decoder);
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
    TransformerVideo video = video(input, grid).withKept(attention.blocks().keeps());
    float[][][] times = times(input, batch, video.told().timesteps());
    BlockSparseLayout layout = attention.layout(config.layers(), grid);
    if (batch > 1 && video.kept() > 0) {
      throw new IllegalArgumentException(
          "a step cache on a device keeps one text's tokens: leave --batched-guidance out");
    }
    prepare(video);
    Turns turns = turns(rotary, grid);
    long[] shape = latents.shape().clone();
    shape[1] = config.channels().out();
    INDArray out = Nd4j.createUninitialized(DataType.FLOAT, shape);
    MemorySegment from = NdMemory.view(latents);
    MemorySegment to = NdMemory.view(out);
    long inBytes = from.byteSize() / batch;
    long outBytes = to.byteSize() / batch;
    for (int element = 0; element < batch; element++) {
      int at = element;
      Forward forward =
          new Forward(
              video,
              from.asSlice(element * inBytes, inBytes),
              embedded(texts, input.text(), element, conditioning::text),
              input
                  .image()
                  .map(image -> embedded(pictures, image, at, this::pictures))
                  .orElse(MemorySegment.NULL),
              times[element][0],
              times[element][1],
              turns,
              layout);
      attention.ranElsewhere(
          transformer.device(),
          kernels(),
          predict(
              forward,
              pass -> attention.blocks().run(blocks(pass, streams(video), modulated)),
              to.asSlice(element * outBytes, outBytes)));
    }
    return out;
  }

  private TransformerVideo video(WanTransformer.Input input, VideoGrid grid) {
    int pictureTokens = input.image().map(image -> (int) image.size(1)).orElse(0);
    return new TransformerVideo(
        grid.frames(),
        grid.patches().rows(),
        grid.patches().columns(),
        new TransformerVideo.Told(
            (int) input.text().size(1), pictureTokens, placing.frameTimes() ? grid.frames() : 1));
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

  /** What an embedding makes of one element of a batch. */
  private static MemorySegment embedded(
      Embeddings embeddings, INDArray states, int element, UnaryOperator<INDArray> embedding) {
    float[] all = NdMemory.floats(states);
    int each = all.length / (int) states.size(0);
    long[] shape = states.shape().clone();
    shape[0] = 1;
    return MemorySegment.ofArray(
        embeddings.of(
            Arrays.copyOfRange(all, element * each, (element + 1) * each), shape, embedding));
  }

  /** Milliseconds of a forward pass, which is measured by kind of work where that is recorded. */
  private double predict(Forward forward, BlockLoop loop, MemorySegment out) {
    if (!ForwardEvent.recorded()) {
      return transformer.predict(forward, loop, out);
    }
    try (ForwardEvent event = ForwardEvent.begin(transformer.device())) {
      ForwardTimes times = transformer.measure(forward, loop, out);
      event.ran(kernels(), times);
      return times.wall();
    }
  }

  private DeviceStreams streams(TransformerVideo video) {
    if (streams.isEmpty() || !streams.get().video().equals(video)) {
      long elements = (long) video.tokens() * config.width();
      streams = Optional.of(new Kept(video, new DeviceStreams(video.kept(), elements)));
    }
    return streams.get().streams();
  }

  private static BlockList blocks(
      BlockLoop.Pass pass, DeviceStreams streams, Supplier<INDArray> modulated) {
    return new BlockList(
        WanTransformer.BLOCKS,
        pass.blocks(),
        ForwardPattern.PATTERN_2,
        streams.begin(pass),
        Optional.empty(),
        pass::run,
        () -> new ArrayTokens(modulated.get()));
  }

  /** Compiles and uploads for a video of that size where that is not done yet. */
  void prepare(TransformerVideo video) {
    placing.turn().take(this);
    try {
      transformer.prepare(video, placing.progress());
    } catch (KernelFailedException e) {
      throw new UnavailableException("--transformer device: " + e.getMessage());
    }
  }

  private String kernels() {
    return transformer.kernels().products() + "+" + transformer.kernels().attention();
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
