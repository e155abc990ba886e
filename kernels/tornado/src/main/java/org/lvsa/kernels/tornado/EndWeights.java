// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerWeights;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * The weights before the first and behind the last block, float32.
 *
 * @param patch the patch embedding
 * @param table shift and scale of the output head
 * @param head the output head
 */
record EndWeights(
    Activations.Linear<FloatArray> patch, FloatArray table, Activations.Linear<FloatArray> head) {

  static EndWeights read(TransformerShape shape, TransformerWeights weights) {
    TransformerShape.Patch patch = shape.patch();
    return new EndWeights(
        linear(weights, "patch_embedding", patch.inChannels() * patch.size(), shape.width()),
        floats(weights, "scale_shift_table", 2 * shape.width()),
        linear(weights, "proj_out", shape.width(), patch.outChannels() * patch.size()));
  }

  private static Activations.Linear<FloatArray> linear(
      TransformerWeights weights, String name, int in, int out) {
    return new Activations.Linear<>(
        floats(weights, name + ".weight", Math.multiplyExact(in, out)),
        floats(weights, name + ".bias", out),
        in,
        out);
  }

  private static FloatArray floats(TransformerWeights weights, String name, int size) {
    FloatArray array = new FloatArray(size);
    weights.read(name, array.getSegment());
    return array;
  }
}
