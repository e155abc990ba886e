// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.tornado.DeviceAttention.Sizes;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.TransformerBackend.Need;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** A transformer with its weights, and the plan of the video that it made last. */
final class TornadoTransformer<A extends TornadoNativeArray> implements DeviceTransformer {
  private final TransformerShape shape;
  private final TornadoTarget device;
  private final Activations<A> activations;
  private final PlanWeights<A> weights;
  private final Optional<LibraryAttention.Library<A>> library;
  private final Launching launching;
  private Optional<TransformerPlan<A>> plan = Optional.empty();

  /**
   * What the plan is to be made for once a layout is known: a video with the room that was asked
   * for, which the first forward pass need not use.
   */
  private Optional<TransformerVideo> asked = Optional.empty();

  private Optional<Filled> filled = Optional.empty();

  /** The library's calls that plans for this size of video needed. */
  private List<LibraryCalls> calls = List.of();

  private Progress progress = Progress.NONE;

  /** Whether a pass was measured: plans have times of single tasks from then on. */
  private boolean measured;

  /**
   * The layout that is in the plan's arrays.
   *
   * @param textTokens that attend together with the video's
   */
  private record Filled(BlockSparseLayout layout, int textTokens) {
    boolean is(BlockSparseLayout other, int tokens) {
      return layout == other && textTokens == tokens;
    }
  }

  /**
   * @param library that computes attention; empty for kernels in Java
   * @param launching what is wished for, and done where it is possible
   */
  TornadoTransformer(
      TransformerShape shape,
      Activations<A> activations,
      PlanWeights<A> weights,
      Optional<LibraryAttention.Library<A>> library,
      TornadoTarget device,
      Launching launching) {
    this.shape = shape;
    this.device = device;
    this.activations = activations;
    this.weights = weights;
    this.library = library;
    this.launching = launching;
  }

  @Override
  public String device() {
    return device.description();
  }

  @Override
  public Kernels kernels() {
    return new Kernels(
        activations.products(), plan.map(one -> one.attention().kernel()).orElse("none"));
  }

  /** Whether the plan that is there launches a block as one graph of the driver's, for tests. */
  boolean replays() {
    return plan.filter(TransformerPlan::replays).isPresent();
  }

  @Override
  public void prepare(TransformerVideo video, Progress told) {
    progress = told;
    if (holds(video) || plan.isEmpty() && asked.filter(one -> one.serves(video)).isPresent()) {
      return;
    }
    KeptStreams.check(video, shape);
    release();
    calls = List.of();
    BlockSparseLayout dense = BlockSparseLayout.dense(video.frames());
    if (library.isEmpty()) {
      make(video, dense);
    } else {
      // Its calls follow from the layout, which the first forward pass brings.
      long bytes = LibraryAttention.denseBytes(Sizes.of(shape, video), activations.bytes());
      requireRoom(memory(video, bytes));
      asked = Optional.of(video);
    }
  }

  private boolean holds(TransformerVideo video) {
    return plan.isPresent() && plan.get().video().serves(video);
  }

  private List<Need> memory(TransformerVideo video, long attention) {
    return TransformerMemory.of(shape, video, activations, weights.residence(), attention);
  }

  private void requireRoom(List<Need> needs) {
    long bytes = needs.stream().mapToLong(Need::bytes).sum();
    if (bytes > device.memory()) {
      throw new KernelFailedException(
          "the transformer needs "
              + (bytes >> 20)
              + " MiB of device memory for this video, "
              + device.description()
              + " has "
              + (device.memory() >> 20));
    }
  }

  private void make(TransformerVideo video, BlockSparseLayout layoutOfAll) {
    DeviceAttention<A> attention =
        library
            .<DeviceAttention<A>>map(one -> attention(one, video, layoutOfAll))
            .orElseGet(() -> attention(video));
    TransformerPlan<A> made =
        TornadoErrors.guarded(
            () ->
                new TransformerPlan<>(
                    shape,
                    video,
                    activations,
                    attention,
                    weights,
                    device,
                    replays(video) ? Launching.REPLAYED : Launching.SINGLY));
    try {
      attention.fill(layoutOfAll, video.jointTokens(shape));
      List<Stage> stages = made.stages();
      for (int done = 0; done < stages.size(); done++) {
        progress.at(done, stages.size(), stages.get(done).words());
        made.first(stages.get(done));
      }
      String how = made.replays() ? ", blocks are launched as one graph" : "";
      progress.at(stages.size() - 1, stages.size(), DevicePlan.words(made.taken()) + how);
      progress.at(stages.size(), stages.size(), "ready");
    } catch (RuntimeException | Error e) {
      made.close();
      throw e;
    }
    plan = Optional.of(made);
  }

  /**
   * Whether blocks are recorded and replayed. A kept output's tasks have other threads than those
   * of a new one, which a record would not see.
   */
  private boolean replays(TransformerVideo video) {
    return launching == Launching.REPLAYED
        && device.cuda()
        && video.outputs().isEmpty()
        && !measured;
  }

  private DeviceAttention<A> attention(TransformerVideo video) {
    requireRoom(TransformerMemory.of(shape, video, activations, weights.residence()));
    return activations.attention(Sizes.of(shape, video));
  }

  private LibraryAttention<A> attention(
      LibraryAttention.Library<A> one, TransformerVideo video, BlockSparseLayout layoutOfAll) {
    Sizes sizes = Sizes.of(shape, video);
    List<Need> others = memory(video, 0);
    long free = device.memory() - others.stream().mapToLong(Need::bytes).sum();
    LibraryCalls.Room whole =
        LibraryAttention.room(sizes, layoutOfAll, free, activations.bytes(), copies());
    LibraryCalls.Choice choice = LibraryCalls.choose(sizes.self(), layoutOfAll, whole, calls);
    calls = choice.calls();
    requireRoom(memory(video, LibraryAttention.bytes(sizes, calls, activations.bytes())));
    return new LibraryAttention<>(one, activations, sizes, calls, choice.room());
  }

  /** Tasks of a block's graph that bring its weights. */
  private int copies() {
    return weights.residence() == Residence.TWO_BLOCKS
        ? 0
        : weights.blocks().tensors().stream().mapToInt(tensor -> tensor.parts().size()).sum();
  }

  /** The plan for a forward pass, made where there is none yet. */
  private TransformerPlan<A> ready(Forward forward) {
    if (!holds(forward.video())) {
      prepare(forward.video(), progress);
    }
    if (measured && replays()) {
      release();
    }
    if (plan.isEmpty() || !plan.get().attention().holds(forward.layout())) {
      if (plan.isPresent() && forward.video().kept() > 0) {
        throw new KernelFailedException(
            "this layout needs other calls of "
                + plan.get().attention().kernel()
                + " than the last one, and a step cache would be lost with them: give --backend"
                + " tornado");
      }
      release();
      TransformerVideo video = forward.video();
      make(asked.filter(one -> one.serves(video)).orElse(video), forward.layout());
    }
    return plan.orElseThrow();
  }

  @Override
  public double predict(Forward forward, BlockLoop loop, MemorySegment out) {
    TransformerPlan<A> ready = ready(forward);
    long begun = System.nanoTime();
    fill(ready, forward);
    ready.run(loop);
    read(ready, out);
    return (System.nanoTime() - begun) / 1e6;
  }

  @Override
  public ForwardTimes measure(Forward forward, BlockLoop loop, MemorySegment out) {
    measured = true;
    TransformerPlan<A> ready = ready(forward);
    ready.clock().begin();
    long begun = System.nanoTime();
    fill(ready, forward);
    long filled = System.nanoTime();
    ready.measure(loop);
    long done = System.nanoTime();
    read(ready, out);
    Map<Work, Long> nanos = ready.clock().nanos();
    long end = System.nanoTime();
    nanos.merge(Work.OTHER, filled - begun + end - done, Long::sum);
    Map<Work, Double> parts = new EnumMap<>(Work.class);
    nanos.forEach((kind, time) -> parts.put(kind, time / 1e6));
    return new ForwardTimes((end - begun) / 1e6, parts);
  }

  private void fill(TransformerPlan<A> ready, Forward forward) {
    MemorySegment latents = ready.latents().getSegment();
    MemorySegment.copy(forward.latents(), 0, latents, 0, latents.byteSize());
    int textTokens = ready.blocks().fill(forward);
    BlockTasks.fill(ready.headTime(), 0, forward.headTime());
    Turns turns = forward.turns();
    int at = BlockTasks.fill(ready.turns(), 0, turns.frames());
    at = BlockTasks.fill(ready.turns(), at, turns.rows());
    BlockTasks.fill(ready.turns(), at, turns.columns());
    if (filled.filter(last -> last.is(forward.layout(), textTokens)).isEmpty()) {
      ready.attention().fill(forward.layout(), textTokens);
      filled = Optional.of(new Filled(forward.layout(), textTokens));
    }
  }

  private static void read(TransformerPlan<?> ready, MemorySegment out) {
    MemorySegment velocity = ready.velocity().getSegment();
    MemorySegment.copy(velocity, 0, out, 0, velocity.byteSize());
  }

  @Override
  public long taken() {
    return plan.map(TransformerPlan::taken).orElse(0L);
  }

  @Override
  public void release() {
    Optional<TransformerPlan<A>> last = plan;
    plan = Optional.empty();
    filled = Optional.empty();
    last.ifPresent(TransformerPlan::close);
  }

  @Override
  public void close() {
    release();
  }
}
