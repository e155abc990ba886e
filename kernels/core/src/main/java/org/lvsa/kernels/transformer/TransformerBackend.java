// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.transformer;

import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.DecoderWeights;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.decoder.FrameSize;

/** Runs whole transformers on devices of a kind. */
public interface TransformerBackend {
  /** The backend's name, which is that of its attention. */
  String name();

  /** Whether it can run here, and on which device if nobody names one. */
  Availability availability();

  /** Which blocks' weights a device holds. */
  enum Residence {
    /** Those of all blocks. */
    ALL_BLOCKS,
    /**
     * Those of two: the block that runs, and the next one, which the host gets ready meanwhile and
     * sends behind it.
     */
    TWO_BLOCKS
  }

  /**
   * How a device holds a transformer.
   *
   * @param dtype of weights and activations; the stream that blocks add to is float32 always
   * @param residence which blocks' weights
   */
  record Storage(DType dtype, Residence residence) {}

  /** Device memory that a transformer takes, part by part. */
  List<Need> memory(TransformerShape shape, TransformerVideo video, Storage storage);

  /**
   * A part of the memory.
   *
   * @param part in words: {@code weights}, {@code activations}, {@code attention} and so on
   * @param bytes that it takes
   */
  record Need(String part, long bytes) {}

  /**
   * The device that a transformer would run on.
   *
   * @param name for messages
   * @param bytes of its memory
   */
  record Device(String name, long bytes) {}

  /**
   * The device that options name, or the one that is taken without.
   *
   * @throws IllegalArgumentException if there is no such device
   */
  Device device(KernelOptions options);

  /** The most numbers of an array on its devices: no activations of a video may be more. */
  long mostElements();

  /**
   * Why such a transformer cannot run on the device, whatever its memory; empty if it can.
   *
   * @param dtype of weights and activations
   */
  Optional<String> unsupported(TransformerShape shape, DType dtype, KernelOptions options);

  /**
   * Opens a transformer: reads the weights into memory that the device is uploaded from.
   *
   * @param options the device
   * @throws org.lvsa.kernels.KernelFailedException with the reason, if such a transformer cannot
   *     run there
   * @throws IllegalArgumentException if there is no such device
   */
  DeviceTransformer open(
      TransformerShape shape, TransformerWeights weights, Storage storage, KernelOptions options);

  /**
   * Device memory that a decoder takes, everything together.
   *
   * @param sizes of latent frames that it is prepared for at the same time
   * @param latentFrames of the video
   * @param dtype of weights and of what convolutions read
   */
  long decoderMemory(DecoderShape shape, List<FrameSize> sizes, int latentFrames, DType dtype);

  /**
   * Why a decoder cannot run on the device, whatever its memory; empty if it can.
   *
   * @param sizes of latent frames that it is prepared for at the same time
   * @param latentFrames of the video
   * @param dtype of weights and of what convolutions read
   */
  Optional<String> decoderUnsupported(
      DecoderShape shape, List<FrameSize> sizes, int latentFrames, DType dtype);

  /**
   * Opens a decoder of the latents that transformers make: reads the weights into memory that the
   * device is uploaded from.
   *
   * @param dtype of weights and of what convolutions read; what they add up is float32 always
   * @param options the device
   * @throws org.lvsa.kernels.KernelFailedException with the reason, if it cannot run there
   * @throws IllegalArgumentException if there is no such device
   */
  DeviceDecoder openDecoder(
      DecoderShape shape, DecoderWeights weights, DType dtype, KernelOptions options);
}
