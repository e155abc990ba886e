// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.PreparedAttention;

/**
 * Attention by a library that computes dense attention: in one call if the layout is dense, else by
 * calls for several query frames at once, whose keys and values a kernel in Java gathers.
 *
 * <p>The library takes fp16, packed, heads first. So bf16 is converted on the device, keys and
 * values that heads share (GQA) are repeated there, and the output has fp16's digits. There is no
 * log-sum-exp, and no layout of token blocks.
 *
 * <p>Prepared inputs own a {@link SdpaProgram}; when they are closed, the kernel keeps it for the
 * next inputs of that shape and type.
 */
final class SdpaKernel implements AttentionKernel {
  /** The most query frames of one call. More fill a GPU no better, and their keys take memory. */
  static final int MOST_SLOTS = 12;

  /** The most sizes that a program keeps because earlier layouts needed them. */
  private static final int MOST_SIZES = 4;

  private static final int LARGEST_HEAD_DIM = 256;

  private final String name;
  private final TornadoTarget device;
  private final Sdpa sdpa;
  private final int slots;
  private Optional<SdpaProgram> spare = Optional.empty();
  private boolean closed;

  /**
   * @param name of the library, for rows and messages
   * @param slots the most query frames of one call, {@link #MOST_SLOTS} but in experiments
   */
  SdpaKernel(String name, TornadoTarget device, Sdpa sdpa, int slots) {
    this.name = name;
    this.device = device;
    this.sdpa = sdpa;
    this.slots = slots;
  }

  @Override
  public String device() {
    return device.description();
  }

  @Override
  public Optional<String> unsupported(AttentionShape shape, DType dtype) {
    if (dtype == DType.F32) {
      return Optional.of(name + " takes F16 and BF16, got F32");
    }
    Optional<String> headDim = unsupportedHeadDim(name, shape.headDim());
    if (headDim.isPresent()) {
      return headDim;
    }
    if (shape.queryElements() > Integer.MAX_VALUE - SdpaKernels.THREADS) {
      return Optional.of(
          shape.queryElements() + " elements are more than a TornadoVM array holds (2^31)");
    }
    long needed = SdpaProgram.bytes(shape, dtype, List.of());
    return needed <= device.memory()
        ? Optional.empty()
        : Optional.of(
            "needs "
                + (needed >> 20)
                + " MiB of device memory, "
                + device.description()
                + " has "
                + (device.memory() >> 20));
  }

  /** Why a library does not take vectors of that length; empty if it does. */
  static Optional<String> unsupportedHeadDim(String library, int headDim) {
    if (headDim % 8 == 0 && headDim <= LARGEST_HEAD_DIM) {
      return Optional.empty();
    }
    return Optional.of(
        library
            + " takes a headDim that is a multiple of 8 and at most "
            + LARGEST_HEAD_DIM
            + ", got "
            + headDim);
  }

  /**
   * The most slots of a call for which there is memory.
   *
   * @param keyFrames the most key frames of a query frame
   * @throws KernelFailedException if there is no room for one
   */
  int mostSlots(AttentionShape shape, DType dtype, int keyFrames) {
    long slot = SdpaProgram.slotBytes(shape, keyFrames);
    long free = device.memory() - SdpaProgram.bytes(shape, dtype, List.of());
    // TornadoVM counts the elements of an array as int.
    long words = slot / 4 / Long.BYTES + 1;
    long most = Math.min(free / slot, Integer.MAX_VALUE / words);
    if (most < 1) {
      throw new KernelFailedException(
          "no room for the " + keyFrames + " key frames of one query frame on " + device());
    }
    return (int) Math.min(most, slots);
  }

  /** Whether there is room for the buffers of these sizes, and few enough graphs. */
  boolean fits(SdpaProgram program, List<FrameBatch.Size> sizes) {
    return sizes.size() <= MOST_SIZES
        && SdpaProgram.bytes(program.shape(), program.dtype(), sizes) <= device.memory();
  }

  @Override
  public PreparedAttention prepare(AttentionInputs inputs) {
    if (closed) {
      throw new IllegalStateException("the kernel is closed");
    }
    SdpaProgram kept = spare.orElse(null);
    spare = Optional.empty();
    if (kept != null && !(kept.shape().equals(inputs.shape()) && kept.dtype() == inputs.dtype())) {
      kept.close();
      kept = null;
    }
    SdpaProgram program = kept == null ? make(inputs.shape(), inputs.dtype(), List.of()) : kept;
    try {
      return new SdpaAttention(inputs, program, this);
    } catch (RuntimeException | Error e) {
      try {
        program.close();
      } catch (RuntimeException | Error second) {
        e.addSuppressed(second);
      }
      throw e;
    }
  }

  /** A new program, which is compiled when it first runs. */
  SdpaProgram make(AttentionShape shape, DType dtype, List<FrameBatch.Size> sizes) {
    return TornadoErrors.guarded(() -> new SdpaProgram(shape, dtype, device, sdpa, sizes));
  }

  /** Keeps a program that nobody uses any more for the next inputs, in place of an older one. */
  void giveBack(SdpaProgram program) {
    if (closed) {
      program.close();
    } else {
      Optional<SdpaProgram> older = spare;
      spare = Optional.of(program);
      older.ifPresent(SdpaProgram::close);
    }
  }

  /** The library's name, for messages. */
  String name() {
    return name;
  }

  /** The name that a result row gets: {@code cudnn-sdpa-bf16-as-f16-frames}. */
  String rowName(DType dtype, String path) {
    String type = dtype.name().toLowerCase(Locale.ROOT) + (dtype == DType.BF16 ? "-as-f16" : "");
    return name + "-sdpa-" + type + "-" + path;
  }

  @Override
  public void close() {
    closed = true;
    Optional<SdpaProgram> last = spare;
    spare = Optional.empty();
    last.ifPresent(SdpaProgram::close);
  }
}
