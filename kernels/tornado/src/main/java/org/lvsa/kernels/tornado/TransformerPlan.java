// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.lvsa.kernels.tornado.Activations.DeviceAttention.Cross;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.DeviceTransformer.Work;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A transformer's buffers and compiled code for one size of video. The graphs of {@link Stage} run
 * in this order: {@code embed}; {@code block} once per block; {@code head}. The graph {@code block}
 * holds the weights of all blocks on the device and brings those of one block into the buffers that
 * its other tasks read, so that one compiled graph computes every block. Which block it is, the
 * device counts itself, and what a forward pass sends, it sends in {@code embed}: between two
 * blocks the host has nothing to wait for. Where weights stay in the host's memory, {@link
 * OffloadedBlocks} brings them instead, before each block. {@code streams} copies and compares the
 * stream of tokens where a step cache asks for it, and tells the device which block comes next
 * where some are left out; without a step cache there is no such graph.
 *
 * <p>TornadoVM hands a buffer from the graph that ran last to the next one alone. So what blocks
 * need goes through every graph that may run before one.
 *
 * @param <A> the array type of activations
 */
final class TransformerPlan<A extends TornadoNativeArray> implements AutoCloseable {
  /** Row of the modulations: shift, scale and gate of self-attention; then of the feed-forward. */
  private static final int ATTENTION = 0;

  private static final int ATTENTION_GATE = 2;
  private static final int FEED_FORWARD = 3;
  private static final int FEED_FORWARD_GATE = 5;

  private final TransformerShape shape;
  private final TransformerVideo video;
  private final Activations<A> activations;
  private final Activations.DeviceAttention<A> attention;
  private final FloatArray latents;
  private final FloatArray velocity;
  private final A text;
  private final A pictures;
  private final FloatArray time;
  private final FloatArray headTime;
  private final FloatArray turns;
  private final IntArray block = new IntArray(1);
  private final FloatArray x;
  private final int width;
  private final Optional<OffloadedBlocks<A>> offloaded;
  private final Optional<KeptStreams> kept;
  private final List<Stage> stages;
  private final DevicePlan plan;
  private final int[] logged;

  /**
   * @param attention of the blocks
   * @param weights in the host's memory
   */
  TransformerPlan(
      TransformerShape shape,
      TransformerVideo video,
      Activations<A> activations,
      Activations.DeviceAttention<A> attention,
      PlanWeights<A> weights,
      TornadoTarget device) {
    this.shape = shape;
    this.video = video;
    this.activations = activations;
    this.attention = attention;
    width = shape.width();
    TransformerVideo.Told told = video.told();
    TransformerShape.Patch patch = shape.patch();
    int tokens = video.tokens();
    latents =
        new FloatArray(
            Math.multiplyExact(tokens, Math.multiplyExact(patch.inChannels(), patch.size())));
    velocity =
        new FloatArray(
            Math.multiplyExact(tokens, Math.multiplyExact(patch.outChannels(), patch.size())));
    text = activations.array((long) told.textTokens() * width);
    // At least one element, which nobody reads: TornadoVM has no empty arrays.
    pictures = activations.array(Math.max(1, (long) told.pictureTokens() * width));
    time = new FloatArray(Math.multiplyExact(told.timesteps(), 6 * width));
    headTime = new FloatArray(Math.multiplyExact(told.timesteps(), width));
    int pairs = shape.headDim() / 2;
    // At most: every axis turns every pair.
    turns = new FloatArray(2 * pairs * (video.frames() + video.rows() + video.columns()));
    x = new FloatArray(Math.multiplyExact(tokens, width));
    kept = video.kept() > 0 ? Optional.of(new KeptStreams(x, video, width)) : Optional.empty();
    offloaded =
        weights.residence() == Residence.TWO_BLOCKS
            ? Optional.of(new OffloadedBlocks<>(shape, weights.blocks(), activations))
            : Optional.empty();
    stages = Stream.of(Stage.values()).filter(this::isNeeded).toList();
    logged = new int[stages.size()];
    GridScheduler grids = new GridScheduler();
    // Whether it fits was asked before.
    plan =
        new DevicePlan(
            grids,
            DevicePlan.UNLIMITED,
            stages.stream()
                .map(
                    stage -> {
                      GraphTasks tasks = GraphTasks.of(stage.graph(), device, grids);
                      return switch (stage) {
                        case EMBED -> embed(weights.ends(), tasks);
                        case FETCH -> fetch(tasks);
                        case TAKE -> take(tasks);
                        case BLOCK -> block(weights.blocks(), tasks);
                        case STREAMS -> streams(tasks);
                        case HEAD -> head(weights.ends(), tasks);
                      };
                    })
                .toArray(TaskGraph[]::new));
  }

  private boolean isNeeded(Stage stage) {
    return switch (stage) {
      case FETCH, TAKE -> offloaded.isPresent();
      case STREAMS -> kept.isPresent();
      case EMBED, BLOCK, HEAD -> true;
    };
  }

  private TaskGraph embed(EndWeights ends, GraphTasks tasks) {
    TransformerShape.Patch patch = shape.patch();
    int tokens = video.tokens();
    FloatArray patches = new FloatArray(latents.getSize());
    tasks
        .graph()
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, latents, text, pictures)
        .transferToDevice(
            DataTransferMode.FIRST_EXECUTION, ends.patch().weight(), ends.patch().bias());
    tasks.perThread("patchify", latents.getSize());
    tasks
        .graph()
        .task(
            "patchify",
            FloatTransformerKernels::patchify,
            new KernelContext(),
            latents,
            patches,
            patch.inChannels(),
            video.frames() * patch.frames(),
            video.rows() * patch.rows(),
            video.columns() * patch.columns(),
            patch.frames(),
            patch.rows(),
            patch.columns());
    FloatActivations floats = new FloatActivations();
    floats.linear(tasks, "embedding", patches, ends.patch(), x, tokens, false);
    List<IntArray> layout = attention.layout();
    tasks
        .graph()
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, time, turns)
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, layout.toArray());
    activations.touch(tasks, "text", text);
    activations.touch(tasks, "pictures", pictures);
    floats.touch(tasks, "time", time);
    floats.touch(tasks, "turns", turns);
    // Where a step cache leaves all blocks out, the head gets it from here.
    floats.touch(tasks, "scratch", attention.scratch());
    for (int i = 0; i < layout.size(); i++) {
      FloatActivations.touch(tasks, "layout" + i, layout.get(i));
    }
    tasks.perThread("begin", 1);
    tasks.graph().task("begin", FloatTransformerKernels::count, new KernelContext(), block, 1);
    return tasks.graph().persistOnDevice(forBlocks());
  }

  /** What the blocks take from the graph before them and from each other. */
  private Object[] forBlocks() {
    List<Object> all = new ArrayList<>(List.of(x, text, time, turns, block, attention.scratch()));
    if (shape.pictures()) {
      all.add(pictures);
    }
    all.addAll(attention.layout());
    return all.toArray();
  }

  /** Whatever graph ran before, it hands on what the blocks need. */
  private void takeOver(GraphTasks tasks) {
    stages.stream()
        .filter(before -> before != Stage.HEAD)
        .forEach(before -> tasks.consume(before.graph(), forBlocks()));
  }

  private TaskGraph fetch(GraphTasks tasks) {
    takeOver(tasks);
    offloaded.orElseThrow().fetch(tasks);
    return tasks.graph().persistOnDevice(forBlocks());
  }

  private TaskGraph take(GraphTasks tasks) {
    takeOver(tasks);
    offloaded.orElseThrow().take(tasks);
    return tasks.graph().persistOnDevice(forBlocks());
  }

  private TaskGraph streams(GraphTasks tasks) {
    takeOver(tasks);
    offloaded.ifPresent(its -> its.passOn(tasks));
    kept.orElseThrow().add(tasks, block);
    return tasks.graph().persistOnDevice(forBlocks());
  }

  private TaskGraph block(BlockWeights<A> all, GraphTasks tasks) {
    BlockBuffers<A> weights =
        offloaded
            .map(OffloadedBlocks::running)
            .orElseGet(() -> BlockBuffers.allocate(shape, activations));
    int tokens = video.tokens();
    long elements = (long) tokens * width;
    A in = activations.array(elements);
    A query = activations.array(elements);
    A key = activations.array(elements);
    A value = attention.values();
    A out = activations.array(elements);
    A inner = activations.array((long) tokens * shape.feedForward());
    Activations.Tokens stream = new Activations.Tokens(x, tokens, width, shape.eps());
    Activations.Modulations modulations =
        new Activations.Modulations(weights.norms().get(0), time, video.tokensPerTimestep());
    Activations.Rotary rotary = rotary();
    takeOver(tasks);
    tasks
        .graph()
        .transferToDevice(DataTransferMode.FIRST_EXECUTION, attention.constants().toArray());
    if (offloaded.isPresent()) {
      offloaded.get().consume(tasks);
    } else {
      weights.bringFirst(all, block, activations, tasks);
    }
    activations.modulate(tasks, "selfIn", stream, modulations, ATTENTION, in);
    activations.linear(tasks, "query", in, weights.linear(0), query, tokens, false);
    activations.linear(tasks, "key", in, weights.linear(1), key, tokens, false);
    activations.linear(tasks, "value", in, weights.linear(2), value, tokens, false);
    activations.rotate(tasks, "queryNorm", query, tokens, weights.norms().get(1), rotary);
    activations.rotate(tasks, "keyNorm", key, tokens, weights.norms().get(2), rotary);
    A attended = attention.self(tasks, query, key, value, in);
    if (offloaded.isEmpty()) {
      weights.bringRest(all, block, activations, tasks);
    }
    activations.linear(tasks, "selfOut", attended, weights.linear(3), out, tokens, false);
    if (shape.crossNorm()) {
      Activations.Norm norm = new Activations.Norm(weights.norms().get(5), weights.norms().get(6));
      activations.addGatedNorm(
          tasks, "crossIn", stream, out, modulations, ATTENTION_GATE, norm, in);
    } else {
      activations.addGated(tasks, "selfAdd", stream, out, modulations, ATTENTION_GATE);
      activations.narrow(tasks, "crossIn", stream, in);
    }
    activations.linear(tasks, "crossQuery", in, weights.linear(4), query, tokens, false);
    Activations.Rotary normOnly = rotary.normOnly();
    activations.rotate(tasks, "crossQueryNorm", query, tokens, weights.norms().get(3), normOnly);
    Told<A> toText = new Told<>(Cross.TEXT, text, video.told().textTokens(), 5, 4);
    cross(tasks, toText, query, weights, normOnly, in);
    if (shape.pictures()) {
      // The layers and the norm for pictures are the last ones.
      int layers = weights.linears().size();
      int norm = weights.norms().size() - 1;
      Told<A> toPictures =
          new Told<>(Cross.PICTURES, pictures, video.told().pictureTokens(), layers - 2, norm);
      cross(tasks, toPictures, query, weights, normOnly, out);
      activations.sum(tasks, "pictureSum", in, out);
    }
    activations.linear(tasks, "crossOut", in, weights.linear(7), out, tokens, false);
    activations.addModulate(tasks, "innerIn", stream, out, modulations, FEED_FORWARD, in);
    activations.linear(tasks, "up", in, weights.linear(8), inner, tokens, true);
    activations.linear(tasks, "down", inner, weights.linear(9), out, tokens, false);
    activations.addGated(tasks, "innerAdd", stream, out, modulations, FEED_FORWARD_GATE);
    tasks.perThread("next", 1);
    tasks.graph().task("next", FloatTransformerKernels::count, new KernelContext(), block, 0);
    return tasks.graph().persistOnDevice(forBlocks());
  }

  /**
   * What a cross-attention looks at.
   *
   * @param x {@code [tokens, width]}
   * @param layer the linear layer of keys; that of values follows
   * @param norm of the keys
   */
  private record Told<A>(Cross what, A x, int tokens, int layer, int norm) {}

  private void cross(
      GraphTasks tasks,
      Told<A> told,
      A query,
      BlockBuffers<A> weights,
      Activations.Rotary normOnly,
      A to) {
    String name = told.what() == Cross.TEXT ? "cross" : "picture";
    A key = activations.array((long) told.tokens() * width);
    A value = attention.values(told.what());
    int tokens = told.tokens();
    activations.linear(
        tasks, name + "Key", told.x(), weights.linear(told.layer()), key, tokens, false);
    activations.linear(
        tasks, name + "Value", told.x(), weights.linear(told.layer() + 1), value, tokens, false);
    activations.rotate(
        tasks, name + "KeyNorm", key, tokens, weights.norms().get(told.norm()), normOnly);
    attention.cross(tasks, told.what(), query, key, value, to);
  }

  private Activations.Rotary rotary() {
    int spatial = shape.headDim() / 6;
    int framePairs = shape.headDim() / 2 - 2 * spatial;
    return new Activations.Rotary(
        turns,
        true,
        video.frames(),
        video.rows(),
        video.columns(),
        shape.headDim(),
        width,
        shape.eps(),
        framePairs,
        spatial);
  }

  private TaskGraph head(EndWeights ends, GraphTasks tasks) {
    TransformerShape.Patch patch = shape.patch();
    int tokens = video.tokens();
    FloatActivations floats = new FloatActivations();
    FloatArray in = attention.scratch();
    FloatArray patches = new FloatArray(velocity.getSize());
    tasks
        .consume(Stage.BLOCK.graph(), x, in)
        .consume(Stage.FETCH.graph(), x, in)
        .consume(Stage.STREAMS.graph(), x, in)
        .graph()
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, headTime)
        .transferToDevice(
            DataTransferMode.FIRST_EXECUTION,
            ends.table(),
            ends.head().weight(),
            ends.head().bias());
    floats.modulate(
        tasks,
        "headIn",
        new Activations.Tokens(x, tokens, width, shape.eps()),
        new Activations.Modulations(ends.table(), headTime, video.tokensPerTimestep()),
        new Activations.Rows(0, 0, width),
        in);
    floats.linear(tasks, "projection", in, ends.head(), patches, tokens, false);
    tasks.perThread("unpatchify", velocity.getSize());
    return tasks
        .graph()
        .task(
            "unpatchify",
            FloatTransformerKernels::unpatchify,
            new KernelContext(),
            patches,
            velocity,
            patch.outChannels(),
            video.frames() * patch.frames(),
            video.rows() * patch.rows(),
            video.columns() * patch.columns(),
            patch.frames(),
            patch.rows(),
            patch.columns())
        .transferToHost(DataTransferMode.EVERY_EXECUTION, velocity);
  }

  /** Time, latents and so on as the device is sent them; the caller writes into them. */
  FloatArray latents() {
    return latents;
  }

  A text() {
    return text;
  }

  A pictures() {
    return pictures;
  }

  FloatArray time() {
    return time;
  }

  FloatArray headTime() {
    return headTime;
  }

  FloatArray turns() {
    return turns;
  }

  /** The prediction of the last forward pass. */
  FloatArray velocity() {
    return velocity;
  }

  Activations.DeviceAttention<A> attention() {
    return attention;
  }

  TransformerVideo video() {
    return video;
  }

  /** The graphs, in the order in which {@link #first} runs them. */
  List<Stage> stages() {
    return stages;
  }

  /** Runs one of the graphs for the first time, which compiles it and uploads what it holds. */
  void first(Stage stage) {
    if (stage == Stage.BLOCK) {
      plan.attention(stages.indexOf(stage));
    } else {
      plan.execute(stages.indexOf(stage));
    }
  }

  /**
   * Runs a loop over the blocks, from what was written into the other arrays to {@link #velocity}.
   */
  void run(BlockLoop loop) {
    through(loop, stage -> plan.run(stages.indexOf(stage)));
  }

  /**
   * As {@link #run}, with the device's clock, for which the host waits behind every task.
   *
   * @return nanoseconds of transfers, and of the host beside tasks and transfers
   */
  Map<Work, Long> measure(BlockLoop loop) {
    Map<Work, Long> nanos = new EnumMap<>(Work.class);
    through(
        loop,
        stage -> {
          long begun = System.nanoTime();
          DevicePlan.Times times = plan.execute(stages.indexOf(stage));
          long host = System.nanoTime() - begun - times.kernel() - times.copies();
          nanos.merge(Work.TRANSFERS, times.copies(), Long::sum);
          nanos.merge(Work.OTHER, Math.max(0, host), Long::sum);
        });
    return nanos;
  }

  private void through(BlockLoop loop, Consumer<Stage> runs) {
    runs.accept(Stage.EMBED);
    loop.run(new DevicePass(shape.layers(), offloaded, kept, runs));
    runs.accept(Stage.HEAD);
  }

  /** Nanoseconds of tasks by kind, in all that was measured since the last call. */
  Map<Work, Long> tasks() {
    Map<Work, Long> all = new EnumMap<>(Work.class);
    for (int graph = 0; graph < stages.size(); graph++) {
      String log = plan.log(graph);
      TaskTimes.of(log, logged[graph]).forEach((kind, nanos) -> all.merge(kind, nanos, Long::sum));
      logged[graph] = log.length();
    }
    return all;
  }

  @Override
  public void close() {
    plan.close();
  }
}
