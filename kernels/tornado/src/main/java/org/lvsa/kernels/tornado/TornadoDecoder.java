// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.DecoderWeights;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.transformer.DeviceTransformer.Work;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** A decoder with its weights, and the plan of the latent frames that it decoded last. */
final class TornadoDecoder<A extends TornadoNativeArray> implements DeviceDecoder {
  /** Elements of the largest matrix of columns: half of what TornadoVM can count in an array. */
  private static final int MOST_COLUMNS = 1 << 30;

  private final DecoderShape shape;
  private final DecoderActivations<A> activations;
  private final DecoderTensors<A> weights;
  private final int mostColumns;
  private final TornadoTarget device;
  private Optional<Ready<A>> ready = Optional.empty();

  /** A plan, and the size of latent frames that it is for. */
  private record Ready<A extends TornadoNativeArray>(int rows, int columns, DecoderPlan<A> plan) {}

  TornadoDecoder(
      DecoderShape shape,
      DecoderWeights weights,
      DecoderActivations<A> activations,
      TornadoTarget device) {
    this(shape, weights, activations, MOST_COLUMNS, device);
  }

  /**
   * @param mostColumns elements of the largest matrix of columns
   */
  TornadoDecoder(
      DecoderShape shape,
      DecoderWeights weights,
      DecoderActivations<A> activations,
      int mostColumns,
      TornadoTarget device) {
    this.shape = shape;
    this.activations = activations;
    this.mostColumns = mostColumns;
    this.device = device;
    // Weights do not depend on the size.
    List<DecoderStep> steps = DecoderSteps.of(shape, 1, 1);
    requireWholeUnits(steps, activations.decoder().unit());
    this.weights = DecoderTensors.read(steps, weights, activations);
  }

  /** Channels are moved in units of four bytes. */
  private static void requireWholeUnits(List<DecoderStep> steps, int unit) {
    for (DecoderStep step : steps) {
      if (step instanceof DecoderStep.Conv conv && conv.kernel().in() % unit != 0) {
        throw new KernelFailedException(
            "the VAE in 16 bits needs even numbers of channels, "
                + conv.name()
                + " has "
                + conv.kernel().in()
                + ": give --dtype f32, or --vae cpu");
      }
    }
  }

  /** Device memory of weights and buffers. */
  static long bytes(DecoderShape shape, int rows, int columns, int elementBytes) {
    List<DecoderStep> steps = DecoderSteps.of(shape, rows, columns);
    return DecoderTensors.bytes(steps, elementBytes)
        + DecoderSizes.of(steps, MOST_COLUMNS).bytes(elementBytes);
  }

  @Override
  public String device() {
    return device.description();
  }

  @Override
  public String kernel() {
    return activations.products();
  }

  @Override
  public void prepare(int rows, int columns, Progress progress) {
    if (ready.filter(one -> one.rows == rows && one.columns == columns).isPresent()) {
      return;
    }
    release();
    long bytes = bytes(shape, rows, columns, activations.bytes());
    if (bytes > device.memory()) {
      throw new KernelFailedException(
          "the VAE needs "
              + (bytes >> 20)
              + " MiB of device memory for this video, "
              + device.description()
              + " has "
              + (device.memory() >> 20));
    }
    progress.at(0, 1, "VAE");
    DecoderPlan<A> plan =
        TornadoErrors.guarded(
            () ->
                new DecoderPlan<>(
                    DecoderSteps.of(shape, rows, columns),
                    activations,
                    weights,
                    mostColumns,
                    device));
    try {
      plan.first();
    } catch (RuntimeException | Error e) {
      plan.close();
      throw e;
    }
    ready = Optional.of(new Ready<>(rows, columns, plan));
    progress.at(0, 1, plan.taken());
    progress.at(1, 1, "ready");
  }

  @Override
  public void decode(boolean first, MemorySegment latents, MemorySegment frames) {
    DecoderPlan<A> plan = plan();
    MemorySegment.copy(latents, 0, plan.latents().getSegment(), 0, latents.byteSize());
    plan.run(first);
    MemorySegment.copy(plan.frames().getSegment(), 0, frames, 0, frames.byteSize());
  }

  @Override
  public Times measure(boolean first, MemorySegment latents, MemorySegment frames) {
    DecoderPlan<A> plan = plan();
    plan.clock().begin();
    long begun = System.nanoTime();
    MemorySegment.copy(latents, 0, plan.latents().getSegment(), 0, latents.byteSize());
    long filled = System.nanoTime();
    plan.measure(first);
    long done = System.nanoTime();
    MemorySegment.copy(plan.frames().getSegment(), 0, frames, 0, frames.byteSize());
    Map<Work, Long> nanos = plan.clock().nanos();
    long end = System.nanoTime();
    return new Times(
        (end - begun) / 1e6,
        nanos.getOrDefault(Work.ATTENTION, 0L) / 1e6,
        nanos.getOrDefault(Work.PRODUCTS, 0L) / 1e6,
        nanos.getOrDefault(Work.ELEMENTWISE, 0L) / 1e6,
        nanos.getOrDefault(Work.TRANSFERS, 0L) / 1e6,
        (nanos.getOrDefault(Work.OTHER, 0L) + filled - begun + end - done) / 1e6);
  }

  private DecoderPlan<A> plan() {
    return ready.orElseThrow(() -> new IllegalStateException("the decoder is not prepared")).plan();
  }

  @Override
  public void release() {
    Optional<Ready<A>> last = ready;
    ready = Optional.empty();
    last.ifPresent(one -> one.plan().close());
  }

  @Override
  public void close() {
    release();
  }
}
