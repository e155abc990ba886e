// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What the transformer is told of the picture that a video begins with.
 *
 * @param tokens an image encoder's, {@code [1, tokens, imageWidth]}
 * @param frame the picture's latents, {@code [channels, rows, columns]} row-major
 */
record PictureCondition(INDArray tokens, float[] frame) implements AutoCloseable {
  /**
   * Writes the condition behind the sample's channels: the picture in the first latent frame, and a
   * mask that is 1 there. The other frames stay as they are.
   *
   * @param input {@code [batch, 2 · channels + 1, frames, rows, columns]}
   */
  void writeTo(INDArray input) {
    MemorySegment memory = NdMemory.view(input);
    long plane = input.size(3) * input.size(4);
    long volume = input.size(2) * plane;
    int channels = Math.toIntExact((input.size(1) - 1) / 2);
    if (frame.length != channels * plane) {
      throw new IllegalArgumentException(
          "the picture's latents have "
              + frame.length
              + " values, a latent frame has "
              + channels * plane);
    }
    for (long element = 0; element < input.size(0); element++) {
      long first = (element * input.size(1) + channels) * volume;
      for (int channel = 0; channel < channels; channel++) {
        MemorySegment.copy(
            frame,
            Math.toIntExact(channel * plane),
            memory,
            ValueLayout.JAVA_FLOAT,
            (first + channel * volume) * Float.BYTES,
            Math.toIntExact(plane));
      }
      long mask = first + channels * volume;
      for (long pixel = 0; pixel < plane; pixel++) {
        memory.setAtIndex(ValueLayout.JAVA_FLOAT, mask + pixel, 1);
      }
    }
  }

  @Override
  public void close() {
    tokens.close();
  }
}
