// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.TensorInfo;

/**
 * Inputs of recorded cases: tensors {@code NAME.q}, {@code NAME.k} and {@code NAME.v} of shape
 * {@code [heads, tokens, headDim]} in a safetensors file, one triple per video.
 *
 * @param file the open file
 */
public record GridInputs(Safetensors file) {

  /**
   * The heads of one video.
   *
   * @param name of the video
   * @param tokens that are wanted, from the first one on; those behind them are left out
   * @throws IllegalArgumentException if the file has no such video, or fewer tokens
   */
  List<HeadInputs> heads(String name, int tokens) {
    for (String tensor : List.of(".q", ".k", ".v")) {
      if (!file.has(name + tensor)) {
        throw new IllegalArgumentException(file.path() + " has no tensor " + name + tensor);
      }
    }
    TensorInfo info = file.info(name + ".q");
    if (info.shape().size() != 3 || info.size(1) < tokens) {
      throw new IllegalArgumentException(
          file.path()
              + ": "
              + name
              + ".q must be [heads, tokens, headDim] with at least "
              + tokens
              + " tokens, got "
              + info.shape());
    }
    for (String tensor : List.of(".k", ".v")) {
      if (!file.info(name + tensor).shape().equals(info.shape())) {
        throw new IllegalArgumentException(
            file.path()
                + ": "
                + name
                + tensor
                + " must have the shape of "
                + name
                + ".q, "
                + info.shape()
                + ", got "
                + file.info(name + tensor).shape());
      }
    }
    int dim = info.size(2);
    return IntStream.range(0, info.size(0))
        .mapToObj(
            head ->
                new HeadInputs(
                    dim,
                    floats(name + ".q", head, tokens),
                    floats(name + ".k", head, tokens),
                    floats(name + ".v", head, tokens)))
        .toList();
  }

  private float[] floats(String tensor, int head, int tokens) {
    TensorInfo info = file.info(tensor);
    MemorySegment data = file.data(tensor);
    float[] floats = new float[Math.multiplyExact(tokens, info.size(2))];
    long from = (long) head * info.size(1) * info.size(2);
    for (int i = 0; i < floats.length; i++) {
      floats[i] = info.dtype().get(data, from + i);
    }
    return floats;
  }
}
