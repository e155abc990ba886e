// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** A transformer with its weights, and the plan of the video that it made last. */
final class TornadoTransformer<A extends TornadoNativeArray> implements DeviceTransformer {
  private final TransformerShape shape;
  private final TornadoTarget device;
  private final Activations<A> activations;
  private final PlanWeights<A> weights;
  private Optional<TransformerPlan<A>> plan = Optional.empty();
  private Optional<BlockSparseLayout> layout = Optional.empty();

  TornadoTransformer(
      TransformerShape shape,
      Activations<A> activations,
      PlanWeights<A> weights,
      TornadoTarget device) {
    this.shape = shape;
    this.device = device;
    this.activations = activations;
    this.weights = weights;
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

  @Override
  public void prepare(TransformerVideo video, Progress progress) {
    if (plan.isPresent() && plan.get().video().serves(video)) {
      return;
    }
    KeptStreams.check(video, shape.width());
    release();
    long bytes =
        TransformerMemory.of(shape, video, activations, weights.residence()).stream()
            .mapToLong(need -> need.bytes())
            .sum();
    if (bytes > device.memory()) {
      throw new KernelFailedException(
          "the transformer needs "
              + (bytes >> 20)
              + " MiB of device memory for this video, "
              + device.description()
              + " has "
              + (device.memory() >> 20));
    }
    TransformerPlan<A> made =
        TornadoErrors.guarded(
            () -> new TransformerPlan<>(shape, video, activations, weights, device));
    try {
      made.attention().fill(BlockSparseLayout.dense(video.frames()));
      List<Stage> stages = made.stages();
      for (int done = 0; done < stages.size(); done++) {
        progress.at(done, stages.size(), stages.get(done).words());
        made.first(stages.get(done));
      }
      progress.at(stages.size(), stages.size(), "ready");
    } catch (RuntimeException | Error e) {
      made.close();
      throw e;
    }
    plan = Optional.of(made);
  }

  @Override
  public double predict(Forward forward, BlockLoop loop, MemorySegment out) {
    prepare(forward.video(), Progress.NONE);
    long begun = System.nanoTime();
    TransformerPlan<A> ready = fill(forward);
    ready.run(loop);
    read(ready, out);
    return (System.nanoTime() - begun) / 1e6;
  }

  @Override
  public ForwardTimes measure(Forward forward, BlockLoop loop, MemorySegment out) {
    prepare(forward.video(), Progress.NONE);
    long begun = System.nanoTime();
    plan.orElseThrow().tasks();
    TransformerPlan<A> ready = fill(forward);
    long filled = System.nanoTime();
    Map<Work, Long> nanos = new EnumMap<>(ready.measure(loop));
    long done = System.nanoTime();
    read(ready, out);
    nanos.putAll(ready.tasks());
    long end = System.nanoTime();
    nanos.merge(Work.OTHER, filled - begun + end - done, Long::sum);
    Map<Work, Double> parts = new EnumMap<>(Work.class);
    nanos.forEach((kind, time) -> parts.put(kind, time / 1e6));
    return new ForwardTimes((end - begun) / 1e6, parts);
  }

  private TransformerPlan<A> fill(Forward forward) {
    TransformerPlan<A> ready = plan.orElseThrow();
    MemorySegment latents = ready.latents().getSegment();
    MemorySegment.copy(forward.latents(), 0, latents, 0, latents.byteSize());
    activations.write(forward.text(), ready.text(), 0);
    activations.write(forward.pictures(), ready.pictures(), 0);
    fill(ready.time(), 0, forward.time());
    fill(ready.headTime(), 0, forward.headTime());
    Turns turns = forward.turns();
    int at = fill(ready.turns(), 0, turns.frames());
    at = fill(ready.turns(), at, turns.rows());
    fill(ready.turns(), at, turns.columns());
    if (layout.isEmpty() || layout.get() != forward.layout()) {
      ready.attention().fill(forward.layout());
      layout = Optional.of(forward.layout());
    }
    return ready;
  }

  private static void read(TransformerPlan<?> ready, MemorySegment out) {
    MemorySegment velocity = ready.velocity().getSegment();
    MemorySegment.copy(velocity, 0, out, 0, velocity.byteSize());
  }

  private static int fill(FloatArray to, int first, float[] from) {
    MemorySegment.copy(
        from, 0, to.getSegment(), ValueLayout.JAVA_FLOAT, (long) first * Float.BYTES, from.length);
    return first + from.length;
  }

  @Override
  public void release() {
    Optional<TransformerPlan<A>> last = plan;
    plan = Optional.empty();
    layout = Optional.empty();
    last.ifPresent(TransformerPlan::close);
  }

  @Override
  public void close() {
    release();
  }
}
