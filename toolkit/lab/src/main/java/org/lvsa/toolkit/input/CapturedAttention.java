// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.input;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.TensorInfo;

/**
 * Query, key and value of one self-attention of a real generation, as {@code lvsa generate
 * --capture} writes them: tensors {@code q}, {@code k}, {@code v} of {@code [1, tokens, heads,
 * headDim]}, and in the metadata how the tokens divide into latent frames and patches.
 *
 * @param latentFrames latent frames of the video
 * @param patchesPerFrame patches per latent frame
 * @param heads query heads
 * @param kvHeads key/value heads
 * @param headDim elements of a head's vector
 */
public record CapturedAttention(
    int latentFrames, int patchesPerFrame, int heads, int kvHeads, int headDim) {

  /**
   * Reads the sizes.
   *
   * @throws MalformedFileException if the file is no capture
   */
  public static CapturedAttention of(Path path) {
    try (Arena arena = Arena.ofConfined()) {
      return of(Safetensors.open(path, arena));
    }
  }

  private static CapturedAttention of(Safetensors file) {
    TensorInfo q = file.info("q");
    TensorInfo k = file.info("k");
    int frames = number(file, "latentFrames");
    int patches = number(file, "patchesPerFrame");
    boolean fits =
        q.shape().size() == 4
            && q.shape().getFirst() == 1
            && k.shape().equals(file.info("v").shape())
            && k.shape().size() == 4
            && q.size(1) == k.size(1)
            && q.size(3) == k.size(3)
            && q.size(1) == (long) frames * patches;
    if (!fits) {
      throw new MalformedFileException(
          file.path()
              + ": q, k and v must be [1, tokens, heads, headDim] with "
              + frames
              + " · "
              + patches
              + " tokens, got "
              + q.shape()
              + ", "
              + k.shape()
              + " and "
              + file.info("v").shape());
    }
    return new CapturedAttention(frames, patches, q.size(2), k.size(2), q.size(3));
  }

  private static int number(Safetensors file, String name) {
    String text = file.metadata().getOrDefault(name, "");
    if (!text.matches("[1-9]\\d{0,8}")) {
      throw new MalformedFileException(
          file.path() + ": the metadata must give " + name + ", as lvsa generate --capture does");
    }
    return Integer.parseInt(text);
  }

  /**
   * Copies a capture into query, key and value of an attention, its first heads where it has more.
   *
   * @throws MalformedFileException if the capture has other sizes than the attention
   */
  static void read(Path path, AttentionShape shape, DType dtype, Activations to) {
    try (Arena arena = Arena.ofShared()) {
      Safetensors file = Safetensors.open(path, arena);
      CapturedAttention sizes = of(file);
      boolean fits =
          sizes.latentFrames == shape.latentFrames()
              && sizes.patchesPerFrame == shape.patchesPerFrame()
              && shape.textTokens() == 0
              && sizes.headDim == shape.headDim()
              && sizes.heads >= shape.heads()
              && sizes.kvHeads >= shape.kvHeads()
              && sizes.heads / sizes.kvHeads == shape.heads() / shape.kvHeads();
      if (!fits) {
        throw new MalformedFileException(
            path
                + ": is of "
                + sizes.latentFrames
                + " latent frames of "
                + sizes.patchesPerFrame
                + " patches, "
                + sizes.heads
                + " heads of "
                + sizes.headDim
                + "; a cell is to measure "
                + shape.latentFrames()
                + " of "
                + shape.patchesPerFrame()
                + ", "
                + shape.heads()
                + " heads of "
                + shape.headDim());
      }
      copy(file, "q", shape.batch(), shape.heads(), dtype, to.query());
      copy(file, "k", shape.batch(), shape.kvHeads(), dtype, to.key());
      copy(file, "v", shape.batch(), shape.kvHeads(), dtype, to.value());
    }
  }

  private static void copy(
      Safetensors file, String name, int batch, int heads, DType dtype, MemorySegment to) {
    TensorInfo info = file.info(name);
    MemorySegment from = file.data(name);
    long stored = (long) info.size(2) * info.size(3);
    long wanted = (long) heads * info.size(3);
    int tokens = info.size(1);
    IntStream.range(0, tokens)
        .parallel()
        .forEach(
            token -> {
              for (long i = 0; i < wanted; i++) {
                float value = info.dtype().get(from, token * stored + i);
                for (int sequence = 0; sequence < batch; sequence++) {
                  dtype.set(to, ((long) sequence * tokens + token) * wanted + i, value);
                }
              }
            });
  }
}
