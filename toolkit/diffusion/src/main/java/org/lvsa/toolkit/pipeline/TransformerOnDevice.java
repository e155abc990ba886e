// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.DecoderWeights;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.DeviceTransformer.ForwardTimes;
import org.lvsa.kernels.transformer.DeviceTransformer.Turns;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.kernels.transformer.TransformerWeights;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.blocks.ArrayTokens;
import org.lvsa.toolkit.blocks.BlockList;
import org.lvsa.toolkit.blocks.BlocksWith;
import org.lvsa.toolkit.blocks.ForwardPattern;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.profile.ForwardEvent;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A transformer of any family on a device, with what a run of its blocks is around it: step caches,
 * the profile, and the report of what ran. One call at a time.
 */
public final class TransformerOnDevice implements DeviceTurns.Part, AutoCloseable {
  private final TransformerShape shape;
  private final Placing placing;
  private final DeviceTransformer transformer;
  private Optional<Kept> streams = Optional.empty();

  /** The streams of a video of one size. */
  private record Kept(TransformerVideo video, DeviceStreams streams) {}

  /**
   * How transformers of a model are put on a device.
   *
   * @param choice of the device
   * @param turns of the transformers and the VAE
   * @param progress is told how far it is
   */
  public record Placing(DeviceChoice choice, DeviceTurns turns, Progress progress) {
    /** Of a model whose parts share the device with nothing else. */
    public Placing(DeviceChoice choice, Progress progress) {
      this(choice, new DeviceTurns(choice.turns()), progress);
    }

    /** A decoder for the device. */
    public DeviceDecoder openDecoder(DecoderShape shape, DecoderWeights weights) {
      return new DecoderInTurn(choice.openDecoder(shape, weights), turns);
    }
  }

  /**
   * The blocks as a step cache sees them. Where they change the text's tokens, these are a part of
   * the stream.
   *
   * @param name of the list of blocks
   * @param pattern what blocks take and give
   * @param modulated gives what the first block's self-attention would see, computed on the CPU
   */
  public record Blocks(String name, ForwardPattern pattern, Supplier<INDArray> modulated) {}

  /**
   * Reads the weights.
   *
   * @param tensors about how many there are, for the progress
   * @throws UnavailableException with the reason, if the device cannot
   */
  public TransformerOnDevice(
      TransformerShape shape, TransformerWeights weights, int tensors, Placing placing) {
    this.shape = shape;
    this.placing = placing;
    AtomicInteger read = new AtomicInteger();
    transformer =
        placing
            .choice()
            .open(
                shape,
                (name, to) -> {
                  placing.progress().at(read.getAndIncrement(), tensors, "reading the weights");
                  weights.read(name, to);
                });
  }

  /**
   * A video with room for what a step cache keeps.
   *
   * @param batch elements of the batch that is predicted
   * @throws IllegalArgumentException if a cache would have to keep several texts' tokens
   */
  public static TransformerVideo withCache(
      TransformerVideo video, VideoSelfAttention attention, int batch) {
    TransformerVideo all =
        video
            .withKept(attention.blocks().keeps())
            .withOutputs(DeviceChoice.onDevice(attention.blocks().keepsOutputs()));
    if (batch > 1 && attention.blocks().keepsTokens()) {
      throw new IllegalArgumentException(
          "a step cache on a device keeps one text's tokens: leave --batched-guidance out");
    }
    return all;
  }

  /** Compiles and uploads for a video of that size where that is not done yet. */
  public void prepare(TransformerVideo video) {
    placing.turns().take(DeviceTurns.Kind.TRANSFORMER, this);
    try {
      transformer.prepare(video, placing.progress());
    } catch (KernelFailedException e) {
      throw new UnavailableException("--transformer device: " + e.getMessage());
    }
  }

  /** Gives the forward pass of an element of a batch. */
  @FunctionalInterface
  public interface Element {
    /**
     * Its forward pass.
     *
     * @param element of the batch
     * @param latents of it
     */
    Forward of(int element, MemorySegment latents);
  }

  /**
   * Predicts for the elements of a batch, one after another, for a video that was {@link #prepare
   * prepared}.
   *
   * @param latents {@code [batch, inChannels, frames, rows, columns]}, float32, row-major
   * @param attention is told what ran
   * @return a new tensor {@code [batch, outChannels, frames, rows, columns]}
   */
  public INDArray predict(
      INDArray latents, Element forward, Blocks blocks, VideoSelfAttention attention) {
    int batch = (int) latents.size(0);
    long[] predicted = latents.shape().clone();
    predicted[1] = shape.patch().outChannels();
    INDArray out = Nd4j.createUninitialized(DataType.FLOAT, predicted);
    MemorySegment from = NdMemory.view(latents);
    MemorySegment to = NdMemory.view(out);
    long inBytes = from.byteSize() / batch;
    long outBytes = to.byteSize() / batch;
    for (int element = 0; element < batch; element++) {
      predict(
          forward.of(element, from.asSlice(element * inBytes, inBytes)),
          blocks,
          attention,
          to.asSlice(element * outBytes, outBytes));
    }
    return out;
  }

  /**
   * Predicts for one element of a batch, for a video that was {@link #prepare prepared}.
   *
   * @param attention is told what ran
   * @param out receives the prediction, float32
   */
  public void predict(
      Forward forward, Blocks blocks, VideoSelfAttention attention, MemorySegment out) {
    double millis =
        predict(forward, pass -> attention.blocks().run(list(pass, forward.video(), blocks)), out);
    attention.ranElsewhere(transformer.device(), kernels(), millis);
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

  private BlocksWith list(BlockLoop.Pass pass, TransformerVideo video, Blocks blocks) {
    BlockList list =
        new BlockList(
            blocks.name(),
            pass.blocks(),
            blocks.pattern(),
            streams(video).begin(pass),
            Optional.empty(),
            pass::run,
            () -> new ArrayTokens(blocks.modulated().get()));
    return new BlocksWith(list, pass::run, Optional.of(new DeviceOutputs(pass, shape.blocks())));
  }

  private DeviceStreams streams(TransformerVideo video) {
    if (streams.isEmpty() || !streams.get().video().equals(video)) {
      long tokens = (long) video.tokens() + video.jointTokens(shape);
      streams =
          Optional.of(new Kept(video, new DeviceStreams(video.kept(), tokens * shape.width())));
    }
    return streams.get().streams();
  }

  /** The turns of a rotary embedding at each place of a video. */
  public static Turns turns(RotaryEmbedding rotary, VideoGrid grid) {
    int[] places = {grid.frames(), grid.patches().rows(), grid.patches().columns()};
    List<float[][]> axes = new ArrayList<>();
    for (int axis = 0; axis < places.length; axis++) {
      float[][] along = new float[places[axis]][];
      for (int place = 0; place < along.length; place++) {
        along[place] = rotary.along(axis, place);
      }
      axes.add(along);
    }
    return turns(axes);
  }

  /**
   * The turns, or features, at each place of a video.
   *
   * @param axes for frames, rows and columns, for each place along the axis
   */
  public static Turns turns(List<float[][]> axes) {
    return new Turns(flat(axes.get(0)), flat(axes.get(1)), flat(axes.get(2)));
  }

  private static float[] flat(float[][] places) {
    int each = places[0].length;
    float[] all = new float[places.length * each];
    for (int place = 0; place < places.length; place++) {
      System.arraycopy(places[place], 0, all, place * each, each);
    }
    return all;
  }

  private String kernels() {
    return transformer.kernels().products() + "+" + transformer.kernels().attention();
  }

  @Override
  public long taken() {
    return transformer.taken();
  }

  @Override
  public void release() {
    transformer.release();
  }

  @Override
  public void close() {
    transformer.close();
  }
}
