// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import org.lvsa.toolkit.layers.Activation;
import org.lvsa.toolkit.layers.LayerNorm;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.TensorShapes;

/**
 * The sizes of CLIP's image encoder.
 *
 * @param width features of a token
 * @param inner features inside the feed-forward part
 * @param layers number of layers
 * @param heads attention heads of a layer
 * @param patches how the picture becomes tokens
 * @param activation of the feed-forward part
 * @param eps added to the variance in the norms
 */
public record ClipConfig(
    int width,
    int inner,
    int layers,
    int heads,
    PicturePatches patches,
    Activation activation,
    double eps) {
  /** Reads a {@code config.json}; what is not supported is named. */
  public static ClipConfig of(ComponentConfig config) {
    config.require("model_type", "clip_vision_model");
    config.require("num_channels", Picture.COLOURS);
    int width = config.size("hidden_size");
    int heads = config.size("num_attention_heads");
    if (width % heads != 0) {
      throw config.wrong("num_attention_heads", "a divisor of hidden_size, " + width);
    }
    int side = config.size("image_size", 224);
    int patch = config.size("patch_size", 32);
    if (patch > side) {
      throw config.wrong("patch_size", "at most image_size, " + side);
    }
    int layers = config.size("num_hidden_layers");
    if (layers < 2) {
      throw config.wrong("num_hidden_layers", "at least 2: the last but one is what is used");
    }
    return new ClipConfig(
        width,
        config.size("intermediate_size"),
        layers,
        heads,
        new PicturePatches(side, patch),
        Activation.of(config, "hidden_act", Activation.QUICK_GELU),
        config.number("layer_norm_eps", 1e-5));
  }

  /** Tokens of a picture: one for the whole picture, then one per patch. */
  public int tokens() {
    return 1 + patches.count();
  }

  /** The tensors of the encoder, as transformers names them, without a prefix. */
  TensorShapes tensors() {
    int patch = patches.patch();
    TensorShapes shapes =
        new TensorShapes()
            .add("embeddings.class_embedding", width)
            .add("embeddings.patch_embedding.weight", width, Picture.COLOURS, patch, patch)
            .add("embeddings.position_embedding.weight", tokens(), width);
    // Misspelt in the published files.
    LayerNorm.addTensors(shapes, "pre_layrnorm", width);
    for (int layer = 0; layer < layers; layer++) {
      VisionLayer.addTensors(shapes, layer, width, inner);
    }
    return shapes;
  }
}
