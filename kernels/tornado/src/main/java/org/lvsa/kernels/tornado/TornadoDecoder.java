// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.DecoderWeights;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.decoder.FrameSize;
import org.lvsa.kernels.transformer.DeviceTransformer.Work;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A decoder with its weights, and a plan for each size of latent frames that it is prepared for.
 */
final class TornadoDecoder<A extends TornadoNativeArray> implements DeviceDecoder {
  private final DecoderShape shape;
  private final DecoderActivations<A> activations;
  private final DecoderTensors<A> weights;
  private final Convolutions convolutions;
  private final TornadoTarget device;
  private final Map<FrameSize, Ready<A>> ready = new HashMap<>();

  /** A plan, and the steps that it does. */
  private record Ready<A extends TornadoNativeArray>(
      List<DecoderStep> steps, DecoderPlan<A> plan) {}

  TornadoDecoder(
      DecoderShape shape,
      DecoderWeights weights,
      DecoderActivations<A> activations,
      TornadoTarget device) {
    this(shape, weights, activations, Convolutions.of(activations), device);
  }

  /**
   * @param convolutions how they are computed
   * @throws KernelFailedException if the weights' type or numbers of channels do not allow it
   */
  TornadoDecoder(
      DecoderShape shape,
      DecoderWeights weights,
      DecoderActivations<A> activations,
      Convolutions convolutions,
      TornadoTarget device) {
    this.shape = shape;
    this.activations = activations;
    this.convolutions = convolutions;
    this.device = device;
    // Weights do not depend on the size.
    List<DecoderStep> steps = DecoderSteps.of(shape, 1, 1, 1);
    requireWholeUnits(steps, activations.decoder().unit());
    if (convolutions.road() == Convolutions.Road.IMPLICIT
        && activations.decoder().implicit().isEmpty()) {
      throw new KernelFailedException("convolutions without columns are there in fp16 alone");
    }
    this.weights = DecoderTensors.read(steps, weights, activations, convolutions);
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

  /** Device memory of a decoder with the convolutions that those activations have. */
  static long bytes(
      DecoderShape shape,
      List<FrameSize> sizes,
      int latentFrames,
      DecoderActivations<?> activations) {
    return bytes(shape, sizes, latentFrames, Convolutions.of(activations), activations.bytes());
  }

  /** Device memory of weights and buffers, which every size has its own of. */
  static long bytes(
      DecoderShape shape,
      List<FrameSize> sizes,
      int latentFrames,
      Convolutions convolutions,
      int elementBytes) {
    Convolutions each = convolutions.among(sizes.size());
    return sizes.stream()
        .mapToLong(size -> bytes(steps(shape, size, latentFrames), each, elementBytes))
        .sum();
  }

  /** As below, with the convolutions that those activations have. */
  static Optional<String> unsupported(
      DecoderShape shape,
      List<FrameSize> sizes,
      int latentFrames,
      DecoderActivations<?> activations) {
    return unsupported(shape, sizes, latentFrames, Convolutions.of(activations));
  }

  /** Why a decoder cannot run, whatever the device's memory; empty if it can. */
  static Optional<String> unsupported(
      DecoderShape shape, List<FrameSize> sizes, int latentFrames, Convolutions convolutions) {
    Convolutions each = convolutions.among(sizes.size());
    return sizes.stream()
        .map(size -> unsupported(steps(shape, size, latentFrames), each))
        .flatMap(Optional::stream)
        .findFirst();
  }

  private static Optional<String> unsupported(List<DecoderStep> steps, Convolutions convolutions) {
    long largest = DecoderSizes.of(steps, convolutions).largest();
    if (largest > BlockWeights.MOST) {
      return Optional.of(
          "an array of the VAE has "
              + largest
              + " numbers for this video, an array there holds "
              + BlockWeights.MOST);
    }
    return DecoderPlan.fits(steps, convolutions)
        ? Optional.empty()
        : Optional.of(
            "a convolution of the VAE has more parts for this video than a task graph holds");
  }

  private static List<DecoderStep> steps(DecoderShape shape, FrameSize size, int latentFrames) {
    return DecoderSteps.of(shape, size.rows(), size.columns(), latentFrames);
  }

  private static long bytes(List<DecoderStep> steps, Convolutions convolutions, int elementBytes) {
    return DecoderTensors.bytes(steps, convolutions, elementBytes)
        + DecoderSizes.of(steps, convolutions).bytes(elementBytes);
  }

  @Override
  public String device() {
    return device.description();
  }

  @Override
  public String kernel() {
    return convolutions.road() == Convolutions.Road.IMPLICIT
        ? activations.products() + "+implicit-conv"
        : activations.products();
  }

  @Override
  public void prepare(List<FrameSize> sizes, int latentFrames, Progress progress) {
    if (sizes.stream().allMatch(size -> isReady(size, latentFrames))) {
      return;
    }
    release();
    KernelFailedException.throwIf(unsupported(shape, sizes, latentFrames, convolutions));
    long bytes = bytes(shape, sizes, latentFrames, convolutions, activations.bytes());
    if (bytes > device.memory()) {
      throw new KernelFailedException(
          "the VAE needs "
              + (bytes >> 20)
              + " MiB of device memory for this video, "
              + device.description()
              + " has "
              + (device.memory() >> 20));
    }
    int done = 0;
    try {
      for (FrameSize size : sizes) {
        progress.at(done++, sizes.size(), "VAE");
        List<DecoderStep> steps = steps(shape, size, latentFrames);
        DecoderPlan<A> plan = TornadoErrors.guarded(() -> plan(steps, sizes.size()));
        ready.put(size, new Ready<>(steps, plan));
        plan.first();
        progress.at(done - 1, sizes.size(), DevicePlan.words(plan.taken()));
      }
    } catch (RuntimeException | Error e) {
      release();
      throw e;
    }
    progress.at(done, sizes.size(), "ready");
  }

  private boolean isReady(FrameSize size, int latentFrames) {
    Ready<A> there = ready.get(size);
    return there != null && there.steps().equals(steps(shape, size, latentFrames));
  }

  private DecoderPlan<A> plan(List<DecoderStep> steps, int plans) {
    return new DecoderPlan<>(steps, activations, weights, convolutions.among(plans), device);
  }

  /** What the device is told with latent frames. */
  private DecoderState state(FrameSize size, boolean first, MemorySegment latents) {
    long frame = (long) size.rows() * size.columns() * shape.latentChannels() * Float.BYTES;
    return DecoderState.of(shape, first, Math.toIntExact(latents.byteSize() / frame));
  }

  @Override
  public void decode(FrameSize size, boolean first, MemorySegment latents, MemorySegment frames) {
    DecoderPlan<A> plan = plan(size);
    MemorySegment.copy(latents, 0, plan.latents().getSegment(), 0, latents.byteSize());
    plan.run(state(size, first, latents));
    MemorySegment.copy(plan.frames().getSegment(), 0, frames, 0, frames.byteSize());
  }

  @Override
  public Times measure(FrameSize size, boolean first, MemorySegment latents, MemorySegment frames) {
    DecoderPlan<A> plan = plan(size);
    plan.clock().begin();
    long begun = System.nanoTime();
    MemorySegment.copy(latents, 0, plan.latents().getSegment(), 0, latents.byteSize());
    long filled = System.nanoTime();
    plan.measure(state(size, first, latents));
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

  private DecoderPlan<A> plan(FrameSize size) {
    Ready<A> there = ready.get(size);
    if (there == null) {
      throw new IllegalStateException("the decoder is not prepared for " + size);
    }
    return there.plan();
  }

  @Override
  public long taken() {
    return ready.values().stream().mapToLong(one -> one.plan().taken()).sum();
  }

  @Override
  public void release() {
    List<Ready<A>> last = List.copyOf(ready.values());
    ready.clear();
    last.forEach(there -> there.plan().close());
  }

  @Override
  public void close() {
    release();
  }
}
