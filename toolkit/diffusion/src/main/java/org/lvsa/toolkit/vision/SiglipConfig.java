// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import org.lvsa.toolkit.layers.Activation;
import org.lvsa.toolkit.layers.LayerNorm;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.TensorShapes;

/**
 * The sizes of SigLIP's image encoder.
 *
 * @param width features of a token
 * @param inner features inside the feed-forward part
 * @param layers number of layers
 * @param heads attention heads of a layer
 * @param patches how the picture becomes tokens
 * @param activation of the feed-forward part
 * @param eps added to the variance in the norms
 */
public record SiglipConfig(
    int width,
    int inner,
    int layers,
    int heads,
    PicturePatches patches,
    Activation activation,
    double eps) {
  /** Reads a {@code config.json}; what is not supported is named. */
  public static SiglipConfig of(ComponentConfig config) {
    config.require("model_type", "siglip_vision_model");
    config.require("num_channels", Picture.COLOURS);
    int width = config.size("hidden_size", 768);
    int heads = config.size("num_attention_heads", 12);
    if (width % heads != 0) {
      throw config.wrong("num_attention_heads", "a divisor of hidden_size, " + width);
    }
    int side = config.size("image_size", 224);
    int patch = config.size("patch_size", 16);
    if (patch > side) {
      throw config.wrong("patch_size", "at most image_size, " + side);
    }
    return new SiglipConfig(
        width,
        config.size("intermediate_size", 3072),
        config.size("num_hidden_layers", 12),
        heads,
        new PicturePatches(side, patch),
        Activation.of(config, "hidden_act", Activation.GELU_TANH),
        config.number("layer_norm_eps", 1e-6));
  }

  /** Tokens of a picture: one per patch. */
  public int tokens() {
    return patches.count();
  }

  /** The tensors of the encoder, as transformers names them, without a prefix. */
  TensorShapes tensors() {
    int patch = patches.patch();
    TensorShapes shapes =
        new TensorShapes()
            .add("embeddings.patch_embedding.weight", width, Picture.COLOURS, patch, patch)
            .add("embeddings.patch_embedding.bias", width)
            .add("embeddings.position_embedding.weight", tokens(), width);
    for (int layer = 0; layer < layers; layer++) {
      VisionLayer.addTensors(shapes, layer, width, inner);
    }
    LayerNorm.addTensors(shapes, "post_layernorm", width);
    return shapes;
  }
}
