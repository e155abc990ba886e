// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.DecoderWeights;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.decoder.FrameSize;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.TransformerBackend;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.kernels.transformer.TransformerWeights;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Whole transformers on a device of TornadoVM: float32 on any device, fp16 with cuBLASLt or bf16
 * with cuBLAS, and the tensor-core kernels, on CUDA.
 */
public final class TornadoTransformers implements TransformerBackend {
  private final TornadoBackend attention = new TornadoBackend();

  private final Launching launching;

  /** For {@link java.util.ServiceLoader}. */
  public TornadoTransformers() {
    this(Launching.USUAL);
  }

  /**
   * @param launching of the transformers that are opened
   */
  TornadoTransformers(Launching launching) {
    this.launching = launching;
  }

  @Override
  public String name() {
    return attention.name();
  }

  @Override
  public Availability availability() {
    return attention.availability();
  }

  @Override
  public List<Need> memory(TransformerShape shape, TransformerVideo video, Storage storage) {
    return TransformerMemory.of(shape, video, activations(storage.dtype()), storage.residence());
  }

  @Override
  public Device device(KernelOptions options) {
    TornadoTarget device = attention.target(options);
    return new Device(device.description(), device.memory());
  }

  @Override
  public long mostElements() {
    return BlockWeights.MOST;
  }

  @Override
  public Optional<String> unsupported(TransformerShape shape, DType dtype, KernelOptions options) {
    return unsupported(shape, dtype, attention.target(options));
  }

  @Override
  public DeviceTransformer open(
      TransformerShape shape, TransformerWeights weights, Storage storage, KernelOptions options) {
    TornadoTarget device = attention.target(options);
    KernelFailedException.throwIf(unsupported(shape, storage.dtype(), device));
    return switch (activations(storage.dtype())) {
      case FloatActivations floats -> open(shape, weights, floats, storage.residence(), device);
      case SixteenBits bits -> open(shape, weights, bits, storage.residence(), device);
    };
  }

  @Override
  public long decoderMemory(
      DecoderShape shape, List<FrameSize> sizes, int latentFrames, DType dtype) {
    return TornadoDecoder.bytes(shape, sizes, latentFrames, decoderActivations(dtype));
  }

  @Override
  public Optional<String> decoderUnsupported(
      DecoderShape shape, List<FrameSize> sizes, int latentFrames, DType dtype) {
    return TornadoDecoder.unsupported(shape, sizes, latentFrames, decoderActivations(dtype));
  }

  @Override
  public DeviceDecoder openDecoder(
      DecoderShape shape, DecoderWeights weights, DType dtype, KernelOptions options) {
    return openDecoder(shape, weights, dtype, attention.target(options));
  }

  /** A decoder on a device, whatever the transformer's attention. */
  static DeviceDecoder openDecoder(
      DecoderShape shape, DecoderWeights weights, DType dtype, TornadoTarget device) {
    return switch (decoderActivations(dtype)) {
      case FloatActivations floats -> new TornadoDecoder<>(shape, weights, floats, device);
      case HalfActivations halves -> {
        KernelFailedException.throwIf(noHalves(device));
        yield new TornadoDecoder<>(shape, weights, halves, device);
      }
    };
  }

  private <A extends TornadoNativeArray> DeviceTransformer open(
      TransformerShape shape,
      TransformerWeights weights,
      Activations<A> activations,
      Residence residence,
      TornadoTarget device) {
    return new TornadoTransformer<>(
        shape,
        activations,
        PlanWeights.read(shape, weights, activations, residence),
        Optional.empty(),
        device,
        launching);
  }

  private static Activations<?> activations(DType dtype) {
    return switch (dtype) {
      case F32 -> new FloatActivations();
      case F16 -> new HalfActivations();
      case BF16 -> new Bf16Activations();
    };
  }

  /** A decoder beside a transformer in bf16 runs in fp16, which takes as much memory. */
  static DecoderActivations<?> decoderActivations(DType dtype) {
    return dtype == DType.F32 ? new FloatActivations() : new HalfActivations();
  }

  private static Optional<String> unsupported(
      TransformerShape shape, DType dtype, TornadoTarget device) {
    return switch (dtype) {
      case F32 ->
          shape.headDim() <= PortableKernel.MAX_HEAD_DIM
              ? Optional.empty()
              : Optional.of(
                  "the transformer's headDim must be at most "
                      + PortableKernel.MAX_HEAD_DIM
                      + " on a device, got "
                      + shape.headDim()
                      + ": give --transformer cpu");
      case F16, BF16 -> half(shape, device);
    };
  }

  private static Optional<String> half(TransformerShape shape, TornadoTarget device) {
    if (shape.headDim() != 64 && shape.headDim() != 128) {
      return Optional.of(
          "the transformer in 16 bits needs headDim 64 or 128, got "
              + shape.headDim()
              + ": give --dtype f32");
    }
    return noHalves(device);
  }

  /** Why the device runs no transformer in 16 bits, whatever its attention. */
  static Optional<String> noHalves(TornadoTarget device) {
    if (!device.tensorCores()) {
      return Optional.of(
          "the transformer in 16 bits needs TornadoVM's CUDA backend and compute capability 8.0,"
              + " this is "
              + device.description()
              + ": give --dtype f32");
    }
    if (ModuleLayer.boot().findModule("tornado.cublas").isEmpty()) {
      return Optional.of(
          "the transformer in 16 bits needs an SDK with TornadoVM's cuBLAS module (tornado.cublas):"
              + " give --dtype f32");
    }
    return Optional.empty();
  }
}
