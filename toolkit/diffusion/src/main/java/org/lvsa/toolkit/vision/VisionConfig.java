// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import java.util.stream.IntStream;
import org.lvsa.toolkit.layers.Activation;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;

/**
 * The sizes of an image encoder, CLIP's or SigLIP's.
 *
 * @param width features of a token
 * @param inner features inside the feed-forward part
 * @param layers number of layers
 * @param heads attention heads of a layer
 * @param patches how the picture becomes tokens
 * @param activation of the feed-forward part
 * @param eps added to the variance in the norms
 */
public record VisionConfig(
    int width,
    int inner,
    int layers,
    int heads,
    PicturePatches patches,
    Activation activation,
    double eps) {
  /** Reads CLIP's {@code config.json}; what is not supported is named. */
  static VisionConfig clip(ComponentConfig config) {
    config.require("model_type", "clip_vision_model");
    int layers = config.size("num_hidden_layers");
    if (layers < 2) {
      throw config.wrong("num_hidden_layers", "at least 2: the last but one is what is used");
    }
    return of(
        config,
        new VisionConfig(
            config.size("hidden_size"),
            config.size("intermediate_size"),
            layers,
            config.size("num_attention_heads"),
            new PicturePatches(224, 32),
            Activation.QUICK_GELU,
            1e-5));
  }

  /** Reads SigLIP's {@code config.json}; what is not supported is named. */
  static VisionConfig siglip(ComponentConfig config) {
    config.require("model_type", "siglip_vision_model");
    return of(
        config,
        new VisionConfig(
            config.size("hidden_size", 768),
            config.size("intermediate_size", 3072),
            config.size("num_hidden_layers", 12),
            config.size("num_attention_heads", 12),
            new PicturePatches(224, 16),
            Activation.GELU_TANH,
            1e-6));
  }

  /** With the rest of the file, which is {@code published} where it says nothing. */
  private static VisionConfig of(ComponentConfig config, VisionConfig published) {
    config.require("num_channels", Picture.COLOURS);
    if (published.width % published.heads != 0) {
      throw config.wrong("num_attention_heads", "a divisor of hidden_size, " + published.width);
    }
    int side = config.size("image_size", published.patches.side());
    int patch = config.size("patch_size", published.patches.patch());
    if (patch > side) {
      throw config.wrong("patch_size", "at most image_size, " + side);
    }
    // Dropout belongs to training, the rest to what comes behind the layers.
    config.withoutEffect("attention_dropout", "dropout", "projection_dim", "vision_use_head");
    VisionConfig read =
        new VisionConfig(
            published.width,
            published.inner,
            published.layers,
            published.heads,
            new PicturePatches(side, patch),
            Activation.of(config, "hidden_act", published.activation),
            config.positive("layer_norm_eps", published.eps));
    config.finishEncoder();
    return read;
  }

  /** The tensors of both kinds of encoder, as transformers names them, without a prefix. */
  TensorShapes tensors() {
    TensorShapes shapes =
        new TensorShapes()
            .add(
                "embeddings.patch_embedding.weight",
                width,
                Picture.COLOURS,
                patches.patch(),
                patches.patch());
    for (int layer = 0; layer < layers; layer++) {
      VisionLayer.addTensors(shapes, layer, width, inner);
    }
    return shapes;
  }

  /** The first layers of an encoder. */
  VisionLayer[] layers(Weights weights, int count) {
    return IntStream.range(0, count)
        .mapToObj(layer -> VisionLayer.of(weights, layer, heads, activation, eps))
        .toArray(VisionLayer[]::new);
  }
}
