// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerWeights;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * The weights before the first and behind the last block, float32.
 *
 * @param patch the patch embedding
 * @param head the output head
 */
record EndWeights(Activations.Linear<FloatArray> patch, Activations.Linear<FloatArray> head) {

  static EndWeights read(TransformerShape shape, TransformerWeights weights) {
    TransformerShape.Patch patch = shape.patch();
    return new EndWeights(
        linear(
            weights, patchName(shape.blocks()), patch.inChannels() * patch.size(), shape.width()),
        linear(weights, "proj_out", shape.width(), patch.outChannels() * patch.size()));
  }

  private static String patchName(BlockShape blocks) {
    return switch (blocks) {
      case BlockShape.Cross _ -> "patch_embedding";
      case BlockShape.Joint _ -> "x_embedder.proj";
    };
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
