// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.BlockShape;
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
  /** Rows that a time step gives to the output head: shift and scale. */
  private static final int HEAD_ROWS = 2;

  private final TransformerShape shape;
  private final TransformerVideo video;
  private final Launching launching;
  private final Activations<A> activations;
  private final DeviceAttention<A> attention;
  private final BlockTasks<A> blocks;
  private final FloatArray latents;
  private final FloatArray velocity;
  private final FloatArray headTime;
  private final FloatArray turns;
  private final IntArray block = new IntArray(1);
  private final FloatArray x;
  private final int width;
  private final Optional<OffloadedBlocks<A>> offloaded;
  private final Optional<KeptStreams> kept;
  private final KeptOutputs<A> outputs;
  private final List<Stage> stages;
  private final DevicePlan plan;
  private final WorkClock clock;

  /**
   * @param attention of the blocks
   * @param weights in the host's memory
   * @param launching what is possible for this video and device
   */
  TransformerPlan(
      TransformerShape shape,
      TransformerVideo video,
      Activations<A> activations,
      DeviceAttention<A> attention,
      PlanWeights<A> weights,
      TornadoTarget device,
      Launching launching) {
    this.shape = shape;
    this.launching = launching;
    this.video = video;
    this.activations = activations;
    this.attention = attention;
    width = shape.width();
    TransformerShape.Patch patch = shape.patch();
    int tokens = video.tokens();
    latents =
        new FloatArray(
            Math.multiplyExact(tokens, Math.multiplyExact(patch.inChannels(), patch.size())));
    velocity =
        new FloatArray(
            Math.multiplyExact(tokens, Math.multiplyExact(patch.outChannels(), patch.size())));
    headTime = new FloatArray(Math.multiplyExact(video.told().timesteps(), HEAD_ROWS * width));
    turns = new FloatArray(Math.max(1, turns(shape, video)));
    x = new FloatArray(Math.multiplyExact(video.streamTokens(shape), width));
    outputs = new KeptOutputs<>(shape, video, activations);
    blocks =
        BlockTasks.of(
            new BlockTasks.Context<>(
                shape,
                video,
                activations,
                attention,
                x,
                turns,
                (tasks, kind, add) -> outputs.add(tasks, kind, block, add)));
    kept =
        video.kept() > 0
            ? Optional.of(new KeptStreams(blocks.streams(), video, width))
            : Optional.empty();
    offloaded =
        weights.residence() == Residence.TWO_BLOCKS
            ? Optional.of(new OffloadedBlocks<>(shape, weights.blocks(), activations))
            : Optional.empty();
    stages = Stream.of(Stage.values()).filter(this::isNeeded).toList();
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
    if (replays()) {
      plan.replay(stages.indexOf(Stage.BLOCK));
    }
    clock = new WorkClock(plan, stages.size());
  }

  private static int turns(TransformerShape shape, TransformerVideo video) {
    if (shape.blocks() instanceof BlockShape.Shared shared && shared.positions()) {
      return SharedBlock.positions(shape, video);
    }
    TransformerShape.Axes axes = shape.axes();
    return 2
        * (video.frames() * axes.frames()
            + video.rows() * axes.rows()
            + video.columns() * axes.columns());
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
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, latents, turns)
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, blocks.inputs().toArray())
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
    tasks.graph().transferToDevice(DataTransferMode.EVERY_EXECUTION, layout.toArray());
    blocks.embed(tasks);
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
    List<Object> all = new ArrayList<>(List.of(x, turns, block, attention.scratch()));
    all.addAll(blocks.inputs());
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
    takeOver(tasks);
    tasks
        .graph()
        .transferToDevice(DataTransferMode.FIRST_EXECUTION, attention.constants().toArray());
    outputs.send(tasks);
    if (offloaded.isPresent()) {
      offloaded.get().consume(tasks);
    } else {
      weights.bringFirst(all, block, activations, tasks);
    }
    blocks.add(
        tasks,
        weights,
        () -> {
          if (offloaded.isEmpty()) {
            weights.bringRest(all, block, activations, tasks);
          }
        });
    tasks.perThread("next", 1);
    tasks.graph().task("next", FloatTransformerKernels::count, new KernelContext(), block, 0);
    return tasks.graph().persistOnDevice(forBlocks());
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
            DataTransferMode.FIRST_EXECUTION, ends.head().weight(), ends.head().bias());
    Activations.Tokens ofVideo = new Activations.Tokens(x, tokens, width, shape.eps());
    if (ends.norms().isEmpty()) {
      Activations.Modulations modulations =
          new Activations.Modulations(headTime, HEAD_ROWS, video.tokensPerTimestep());
      floats.modulate(tasks, "headIn", ofVideo, modulations, 0, in);
    } else {
      for (Activations.Norm norm : ends.norms()) {
        tasks
            .graph()
            .transferToDevice(DataTransferMode.FIRST_EXECUTION, norm.weight(), norm.bias());
      }
      SharedBlockTasks.headIn(tasks, ofVideo, ends.norms(), headTime, in);
    }
    floats.linear(tasks, "projection", in, ends.head(), patches, tokens, false);
    boolean channelFirst = patch.out() == TransformerShape.Order.CHANNEL_FIRST;
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
            patch.columns(),
            channelFirst ? patch.size() : 1,
            channelFirst ? 1 : patch.outChannels())
        .transferToHost(DataTransferMode.EVERY_EXECUTION, velocity);
  }

  /** Latents and so on as the device is sent them; the caller writes into them. */
  FloatArray latents() {
    return latents;
  }

  /** What is of the blocks' kind. */
  BlockTasks<A> blocks() {
    return blocks;
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

  DeviceAttention<A> attention() {
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
    plan.execute(stages.indexOf(stage));
    if (block.get(0) != 0) {
      // The device counts in its own copy.
      throw new KernelFailedException(
          "the host's array counts blocks: TornadoVM ran them as sequential Java");
    }
  }

  /** Whether a block is launched as one graph of the driver's. */
  boolean replays() {
    return launching == Launching.REPLAYED;
  }

  /**
   * Runs a loop over the blocks, from what was written into the other arrays to {@link #velocity}.
   */
  void run(BlockLoop loop) {
    through(loop, stage -> plan.run(stages.indexOf(stage)));
  }

  /**
   * As {@link #run}, with the device's clock, for which the host waits behind every task: {@link
   * #clock} has what it took.
   */
  void measure(BlockLoop loop) {
    through(loop, stage -> clock.run(stages.indexOf(stage)));
  }

  /** What {@link #measure} took. */
  WorkClock clock() {
    return clock;
  }

  private void through(BlockLoop loop, Consumer<Stage> runs) {
    runs.accept(Stage.EMBED);
    loop.run(new DevicePass(shape.layers(), offloaded, kept, outputs, runs));
    runs.accept(Stage.HEAD);
  }

  /** The device memory of what ran, see {@link DevicePlan#taken}. */
  long taken() {
    return plan.taken();
  }

  @Override
  public void close() {
    plan.close();
  }
}
