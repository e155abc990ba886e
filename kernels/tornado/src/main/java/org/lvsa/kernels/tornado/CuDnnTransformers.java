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
import org.lvsa.kernels.tornado.DeviceAttention.Sizes;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.TransformerBackend;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.kernels.transformer.TransformerWeights;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;

/**
 * Whole transformers in fp16 whose attention is NVIDIA's own, by library tasks of TornadoVM.
 * Everything else is as {@link TornadoTransformers} has it.
 */
public final class CuDnnTransformers implements TransformerBackend {
  private final CuDnnBackend attention = new CuDnnBackend();

  private final Launching launching;

  /** For {@link java.util.ServiceLoader}. */
  public CuDnnTransformers() {
    this(Launching.USUAL);
  }

  /**
   * @param launching of the transformers that are opened
   */
  CuDnnTransformers(Launching launching) {
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

  /**
   * Of dense attention. Layouts of frames take more where there is room, see {@link
   * LibraryAttention#room}.
   */
  @Override
  public List<Need> memory(TransformerShape shape, TransformerVideo video, Storage storage) {
    HalfActivations halves = new HalfActivations();
    return TransformerMemory.of(
        shape,
        video,
        halves,
        storage.residence(),
        LibraryAttention.denseBytes(Sizes.of(shape, video), halves.bytes()));
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
    HalfActivations halves = new HalfActivations();
    LibraryAttention.Library<HalfFloatArray> cuDnn =
        new LibraryAttention.Library<>(name(), new CuDnnSdpa(), halves.moves());
    return new TornadoTransformer<>(
        shape,
        halves,
        PlanWeights.read(shape, weights, halves, storage.residence()),
        Optional.of(cuDnn),
        device,
        launching);
  }

  @Override
  public long decoderMemory(
      DecoderShape shape, List<FrameSize> sizes, int latentFrames, DType dtype) {
    return TornadoDecoder.bytes(
        shape, sizes, latentFrames, TornadoTransformers.decoderActivations(dtype));
  }

  @Override
  public Optional<String> decoderUnsupported(
      DecoderShape shape, List<FrameSize> sizes, int latentFrames, DType dtype) {
    return TornadoDecoder.unsupported(
        shape, sizes, latentFrames, TornadoTransformers.decoderActivations(dtype));
  }

  @Override
  public DeviceDecoder openDecoder(
      DecoderShape shape, DecoderWeights weights, DType dtype, KernelOptions options) {
    return TornadoTransformers.openDecoder(shape, weights, dtype, attention.target(options));
  }

  private Optional<String> unsupported(TransformerShape shape, DType dtype, TornadoTarget device) {
    if (dtype != DType.F16) {
      return Optional.of(
          "the transformer runs with "
              + name()
              + "'s attention in fp16 alone: give --dtype f16, or --backend tornado");
    }
    if (shape.blocks().joint()) {
      return Optional.of(
          name()
              + "'s attention does not run where a text attends together with the video: give"
              + " --backend tornado");
    }
    return TornadoTransformers.noHalves(device)
        .or(() -> SdpaKernel.unsupportedHeadDim(name(), shape.headDim()));
  }
}
