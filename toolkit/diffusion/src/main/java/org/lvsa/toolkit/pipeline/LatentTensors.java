// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.Safetensors.FloatTensor;
import org.lvsa.toolkit.tensor.TensorInfo;
import org.lvsa.toolkit.vae.LatentSize;

/**
 * Latents of one video as tensors of files: {@code [1, channels, frames, height, width]}, or with
 * frames before channels for models that have them so.
 */
public final class LatentTensors {
  private LatentTensors() {}

  /** The tensor's sizes, outermost first. */
  public static List<Long> shape(LatentSize size) {
    return Arrays.stream(size.shape()).boxed().toList();
  }

  /**
   * A copy of latents, to write.
   *
   * @param arena owns the copy
   */
  public static FloatTensor of(LatentSize size, float[] latents, Arena arena) {
    MemorySegment memory = arena.allocate((long) latents.length * Float.BYTES, Float.BYTES);
    MemorySegment.copy(latents, 0, memory, ValueLayout.JAVA_FLOAT, 0, latents.length);
    return new FloatTensor(shape(size), memory);
  }

  /**
   * Reads latents of any stored type.
   *
   * @throws MalformedFileException if there is no such tensor, it has another shape, or an element
   *     is no finite number
   */
  public static float[] read(Safetensors file, String name, LatentSize size) {
    TensorInfo info = file.info(name);
    String where = file.path() + ": tensor " + name;
    if (!info.shape().equals(shape(size))) {
      throw new MalformedFileException(
          where
              + " has shape "
              + info.shape()
              + ", a video of these frames and this resolution needs "
              + shape(size));
    }
    DType dtype = info.dtype();
    MemorySegment data = file.data(name);
    float[] latents = new float[size.elements()];
    for (int i = 0; i < latents.length; i++) {
      latents[i] = dtype.get(data, i);
      if (!Float.isFinite(latents[i])) {
        throw new MalformedFileException(where + " holds " + latents[i] + " as element " + i);
      }
    }
    return latents;
  }
}
