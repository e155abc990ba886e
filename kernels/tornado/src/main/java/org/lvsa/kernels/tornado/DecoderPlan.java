// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.lvsa.kernels.tornado.DecoderStep.AddChannels;
import org.lvsa.kernels.tornado.DecoderStep.AddRepeated;
import org.lvsa.kernels.tornado.DecoderStep.Attention;
import org.lvsa.kernels.tornado.DecoderStep.Conv;
import org.lvsa.kernels.tornado.DecoderStep.Into;
import org.lvsa.kernels.tornado.DecoderStep.Kernel;
import org.lvsa.kernels.tornado.DecoderStep.Norm;
import org.lvsa.kernels.tornado.DecoderStep.Place;
import org.lvsa.kernels.tornado.DecoderStep.Remember;
import org.lvsa.kernels.tornado.DecoderStep.RepeatFrames;
import org.lvsa.kernels.tornado.DecoderStep.Tell;
import org.lvsa.kernels.tornado.DecoderStep.Unpack;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A decoder's buffers and compiled code for latent frames of one size. Its graphs run one behind
 * the other for latent frames: the first one brings them to the device, and each of the others does
 * as many steps as TornadoVM has room for in a graph. A convolution is a matrix product of its
 * weights and of what each pixel sees, for some pixels at a time, or {@link ImplicitConvKernels}
 * compute it; the last two frames that it saw stay on the device.
 *
 * @param <A> the array type of what convolutions read
 */
final class DecoderPlan<A extends TornadoNativeArray> implements AutoCloseable {
  /** TornadoVM 5.2.0 has room for 8192 bytes of a graph's tasks. */
  private static final int MOST_BYTES = 7500;

  private final DecoderActivations<A> activations;
  private final DecoderTensors<A> weights;
  private final Convolutions convolutions;
  private final TornadoTarget device;
  private final GridScheduler grids = new GridScheduler();
  private final DecoderBuffers<A> buffers;

  /** The graphs that are complete; another one is being filled. */
  private final List<TaskGraph> graphs = new ArrayList<>();

  private GraphTasks tasks;
  private DecoderTasks<A> others;
  private final DevicePlan plan;
  private final WorkClock clock;

  /** Latent frames that a video may have. */
  private int most = Integer.MAX_VALUE;

  /** Latent frames of the video that were decoded. */
  private int earlier;

  /**
   * @param steps of the decoder
   * @param convolutions how they are computed
   */
  DecoderPlan(
      List<DecoderStep> steps,
      DecoderActivations<A> activations,
      DecoderTensors<A> weights,
      Convolutions convolutions,
      TornadoTarget device) {
    this.activations = activations;
    this.weights = weights;
    this.convolutions = convolutions;
    this.device = device;
    buffers = DecoderBuffers.allocate(DecoderSizes.of(steps, convolutions), activations);
    begin(GraphTasks.of(name(0), device, grids));
    tasks
        .graph()
        .transferToDevice(
            DataTransferMode.EVERY_EXECUTION, buffers.volume(Place.LATENTS), buffers.state())
        .transferToDevice(DataTransferMode.FIRST_EXECUTION, buffers.zeros());
    buffers.touch(tasks, activations);
    long filled = MOST_BYTES;
    for (DecoderStep step : steps) {
      filled += bytes(step, convolutions);
      if (filled > MOST_BYTES) {
        nextGraph();
        filled = bytes(step, convolutions);
      }
      switch (step) {
        case Conv conv ->
            convolutions.implicit(conv).ifPresentOrElse(this::implicit, () -> columns(conv));
        case Attention attention -> attention(attention);
        case Remember remember -> others.remember(remember);
        case AddRepeated add -> others.addRepeated(add);
        case AddChannels add -> others.addChannels(add);
        case Unpack unpack -> others.unpack(unpack);
        case Tell tell ->
            activations.narrow(
                tasks,
                "tell",
                new Activations.Tokens(
                    buffers.volume(Place.LATENTS),
                    Math.toIntExact(tell.size().pixels()),
                    tell.channels(),
                    0),
                buffers.groups().latents());
        case RepeatFrames repeat -> others.repeatFrames(repeat);
      }
    }
    tasks.graph().transferToHost(DataTransferMode.EVERY_EXECUTION, buffers.volume(Place.FRAMES));
    graphs.add(tasks.graph());
    plan = new DevicePlan(grids, DevicePlan.UNLIMITED, graphs.toArray(TaskGraph[]::new));
    clock = new WorkClock(plan, graphs.size());
  }

  /** Whether the tasks of each step fit a graph. */
  static boolean fits(List<DecoderStep> steps, Convolutions convolutions) {
    return steps.stream().allMatch(step -> bytes(step, convolutions) <= MOST_BYTES);
  }

  /**
   * Bytes that TornadoVM takes for the tasks of a step at most, in the buffer where it writes down
   * a graph: 15 for each task and 5 for each argument.
   */
  private static int bytes(DecoderStep step, Convolutions convolutions) {
    return switch (step) {
      case Conv conv when convolutions.implicit(conv).isPresent() -> 800;
      case Conv conv ->
          Math.toIntExact(500 + 250 * Math.ceilDiv(conv.size().pixels(), convolutions.piece(conv)));
      case Attention _ -> 1200;
      case Remember _, AddRepeated _, AddChannels _, Unpack _, Tell _, RepeatFrames _ -> 100;
    };
  }

  private static String name(int graph) {
    return "decode" + graph;
  }

  private void nextGraph() {
    graphs.add(tasks.graph().persistOnDevice(buffers.shared()));
    GraphTasks next = GraphTasks.of(name(graphs.size()), device, grids);
    begin(next.consume(name(graphs.size() - 1), buffers.shared()));
  }

  private void begin(GraphTasks graph) {
    tasks = graph;
    others = new DecoderTasks<>(graph, activations.decoder(), buffers);
  }

  /** The device is sent the arrays once. */
  private void send(Object... arrays) {
    tasks.graph().transferToDevice(DataTransferMode.FIRST_EXECUTION, arrays);
  }

  private FloatArray norm(String name) {
    FloatArray weight = weights.norms().get(name);
    send(weight);
    return weight;
  }

  private Activations.Linear<A> product(String name) {
    Activations.Linear<A> product = weights.products().get(name);
    send(product.weight(), product.bias());
    return product;
  }

  /** What a convolution keeps of earlier frames. */
  private A own(long elements) {
    if (elements == 0) {
      return buffers.zeros();
    }
    A own = activations.array(elements);
    send(own);
    return own;
  }

  private void implicit(ImplicitConv its) {
    Conv conv = its.conv();
    ImplicitTasks<A> implicit =
        new ImplicitTasks<>(tasks, activations.decoder().implicit().orElseThrow(), buffers);
    if (conv.norm().isPresent()) {
      norm(conv, its.lead(), its.border());
    } else {
      implicit.place(its);
    }
    A own = own(its.keptElements());
    implicit.surround(its, own);
    implicit.convolve(its, product(conv.name()));
    if (conv.into() == Into.TWO_FRAMES) {
      others.copyFirst(conv);
    }
    if (its.lead() > 0) {
      implicit.keep(its, own);
    }
  }

  private void columns(Conv conv) {
    Kernel kernel = conv.kernel();
    see(conv);
    A own = own(kernel.frames() > 1 ? conv.keptElements() : 0);
    Activations.Linear<A> product = product(conv.name());
    int all = Math.toIntExact(conv.size().pixels());
    int piece = Math.toIntExact(convolutions.piece(conv));
    for (int first = 0; first < all; first += piece) {
      int pixels = Math.min(piece, all - first);
      String name = DecoderTasks.task(conv.name(), "at" + first);
      if (!conv.isProduct()) {
        others.columns(name, conv, own, first, pixels);
      }
      A in = conv.isProduct() ? buffers.seen() : buffers.columns();
      activations.linear(tasks, name, in, product, buffers.products(), pixels, false);
      others.spread(
          name + "Out",
          conv.size(),
          new DecoderTasks.Rows(first, pixels, kernel.out(), kernel.padded()),
          conv.into(),
          buffers.volume(conv.to()));
    }
    if (conv.into() == Into.TWO_FRAMES) {
      others.copyFirst(conv);
    }
    if (kernel.frames() > 1) {
      others.keep(conv, own);
    }
  }

  /** Brings what a convolution sees to the type of products, behind the norm if there is one. */
  private void see(Conv conv) {
    if (conv.norm().isPresent()) {
      norm(conv, 0, 0);
    } else {
      int pixels = Math.toIntExact(conv.seenPixels());
      activations.narrow(
          tasks,
          DecoderTasks.task(conv.name(), "In"),
          new Activations.Tokens(buffers.volume(conv.from()), pixels, conv.kernel().in(), 0),
          buffers.seen());
    }
  }

  private void norm(Conv conv, int lead, int border) {
    switch (conv.norm().orElseThrow()) {
      case Norm.OfPixels(String name) -> {
        DecoderStep.Size size = conv.size();
        others.norm(
            DecoderTasks.task(conv.name(), "In"),
            new DecoderTasks.Pixels(
                buffers.volume(conv.from()), Math.toIntExact(size.pixels()), conv.kernel().in()),
            norm(name),
            true,
            new DecoderTasks.There(size.rows(), size.columns(), lead, border));
      }
      case Norm.OfGroups groups -> {
        activations.linear(
            tasks,
            DecoderTasks.task(conv.name(), "told"),
            buffers.groups().latents(),
            product(groups.name()),
            buffers.groups().told(),
            Math.toIntExact(groups.latents().pixels()),
            false);
        others.groupNorm(conv, groups, norm(groups.name()), border);
      }
    }
  }

  /**
   * The value's bias is added to the result, since a row's weights add up to 1; so that the values
   * themselves can be a product with pixels along the rows, as the last product wants them. Where
   * earlier frames are seen, products are as large as for all frames of the video: the softmax
   * gives later frames a weight of 0.
   */
  private void attention(Attention attention) {
    if (attention.videoFrames() > 0) {
      most = attention.videoFrames();
    }
    int pixels = attention.size().framePixels();
    int channels = attention.channels();
    String name = attention.name();
    A query = activations.array((long) pixels * channels);
    A key = activations.array((long) pixels * channels);
    A value = activations.array((long) pixels * channels);
    int all = Math.multiplyExact(attention.frames(), pixels);
    A scores = activations.array((long) pixels * all);
    A noBias = activations.array(all);
    activations.write(FloatArray.fromElements(new float[all]).getSegment(), noBias, 0);
    send(noBias);
    FloatArray volume = buffers.volume(attention.place());
    FloatArray norm = norm(name + DecoderTensors.NORM);
    others.norm(
        DecoderTasks.task(name, "In"),
        new DecoderTasks.Pixels(volume, pixels, channels),
        norm,
        false,
        new DecoderTasks.There(attention.size().rows(), attention.size().columns(), 0, 0));
    A seen = buffers.seen();
    product(name, DecoderTensors.QUERY, seen, query, pixels);
    product(name, DecoderTensors.KEY, seen, key, pixels);
    Activations.Linear<A> values = product(name + DecoderTensors.VALUE);
    Activations.Linear<A> seenAsWeight = new Activations.Linear<>(seen, noBias, channels, pixels);
    activations.linear(
        tasks,
        DecoderTasks.task(name, "value"),
        values.weight(),
        seenAsWeight,
        value,
        channels,
        false);
    A keysOfAll = key;
    A valuesOfAll = value;
    if (attention.frames() > 1) {
      keysOfAll = own(attention.seenElements());
      valuesOfAll = own(attention.seenElements());
      others.append(
          DecoderTasks.task(name, "keys"),
          key,
          keysOfAll,
          new DecoderTasks.Stretch(1, pixels * channels, all * channels));
      others.append(
          DecoderTasks.task(name, "values"),
          value,
          valuesOfAll,
          new DecoderTasks.Stretch(channels, pixels, all));
    }
    Activations.Linear<A> keyAsWeight = new Activations.Linear<>(keysOfAll, noBias, channels, all);
    activations.linear(
        tasks, DecoderTasks.task(name, "scores"), query, keyAsWeight, scores, pixels, false);
    others.softmax(
        DecoderTasks.task(name, "softmax"), scores, new DecoderTasks.Stretch(pixels, pixels, all));
    Activations.Linear<A> valueAsWeight =
        new Activations.Linear<>(valuesOfAll, values.bias(), all, channels);
    activations.linear(
        tasks, DecoderTasks.task(name, "attended"), scores, valueAsWeight, query, pixels, false);
    product(name, DecoderTensors.OUT, query, buffers.products(), pixels);
    others.spread(
        DecoderTasks.task(name, "Out"),
        attention.size(),
        new DecoderTasks.Rows(0, pixels, channels, channels),
        Into.ADD,
        volume);
  }

  private void product(String name, String which, A from, A to, int pixels) {
    activations.linear(
        tasks, DecoderTasks.task(name, which), from, product(name + which), to, pixels, false);
  }

  /** The latent frame, which the caller writes. */
  FloatArray latents() {
    return buffers.volume(Place.LATENTS);
  }

  /** The decoded frames. */
  FloatArray frames() {
    return buffers.volume(Place.FRAMES);
  }

  /** Compiles, and uploads the weights. */
  void first() {
    new DecoderState(true, Collections.nCopies(DecoderState.MOST_DOUBLINGS + 1, 1))
        .write(0, buffers.state());
    for (int graph = 0; graph < graphs.size(); graph++) {
      plan.attention(graph);
    }
  }

  /** The device memory of what ran, see {@link DevicePlan#taken}. */
  long taken() {
    return plan.taken();
  }

  /** Decodes what was written into {@link #latents}. */
  void run(DecoderState state) {
    tell(state);
    plan.run(IntStream.range(0, graphs.size()).toArray());
  }

  /** As {@link #run}, with the device's clock: {@link #clock} has what it took. */
  void measure(DecoderState state) {
    tell(state);
    IntStream.range(0, graphs.size()).forEach(clock::run);
  }

  private void tell(DecoderState state) {
    earlier = state.first() ? 0 : earlier;
    if (earlier + state.counted().getFirst() > most) {
      throw new IllegalStateException(
          "the decoder is prepared for videos of " + most + " latent frames, this is another one");
    }
    state.write(earlier, buffers.state());
    earlier += state.counted().getFirst();
  }

  /** What {@link #measure} took. */
  WorkClock clock() {
    return clock;
  }

  @Override
  public void close() {
    plan.close();
  }
}
