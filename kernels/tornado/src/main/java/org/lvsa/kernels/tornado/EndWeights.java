// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerWeights;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * The weights before the first and behind the last block, float32.
 *
 * @param patch the patch embedding
 * @param norms before the output head, beside the one without weights: two or none
 * @param head the output head
 */
record EndWeights(
    Activations.Linear<FloatArray> patch,
    List<Activations.Norm> norms,
    Activations.Linear<FloatArray> head) {

  static EndWeights read(TransformerShape shape, TransformerWeights weights) {
    TransformerShape.Patch patch = shape.patch();
    return new EndWeights(
        linear(
            weights, patchName(shape.blocks()), patch.inChannels() * patch.size(), shape.width()),
        normNames(shape.blocks()).stream().map(name -> norm(weights, name, shape.width())).toList(),
        linear(weights, "proj_out", shape.width(), patch.outChannels() * patch.size()));
  }

  private static String patchName(BlockShape blocks) {
    return switch (blocks) {
      case BlockShape.Cross _ -> "patch_embedding";
      case BlockShape.Joint _ -> "x_embedder.proj";
      case BlockShape.Shared _ -> "patch_embed.proj";
    };
  }

  private static List<String> normNames(BlockShape blocks) {
    return switch (blocks) {
      case BlockShape.Cross _, BlockShape.Joint _ -> List.of();
      case BlockShape.Shared _ -> List.of("norm_final", "norm_out.norm");
    };
  }

  private static Activations.Norm norm(TransformerWeights weights, String name, int width) {
    return new Activations.Norm(
        floats(weights, name + ".weight", width), floats(weights, name + ".bias", width));
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
