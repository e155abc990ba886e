// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.LayerNorm;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.Renaming;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * CLIP's image encoder (Radford et al. 2021): patches of a picture, and a token for the whole of
 * it, go through the layers of a transformer. What is used is what the last layer but one gives,
 * without the final norm. Weights may be narrower; the computation is in float32.
 */
public final class ClipImageEncoder implements AutoCloseable {
  private static final String LAYER = "encoder.layers.$1.";

  /**
   * The names of versions of transformers, some of which name the tensors as parts of a larger
   * model, and those of the publisher's own repository of Wan, whose file has a text encoder too.
   */
  private static final Renaming NAMES =
      Renaming.of("^vision_model\\.", "")
          .then("^visual\\.cls_embedding$", "embeddings.class_embedding")
          .then("^visual\\.pos_embedding$", "embeddings.position_embedding.weight")
          .then("^visual\\.patch_embedding\\.", "embeddings.patch_embedding.")
          .then("^visual\\.pre_norm\\.", "pre_layrnorm.")
          .then("^visual\\.post_norm\\.", "post_layernorm.")
          .then("^visual\\.transformer\\.(\\d+)\\.norm([12])\\.", LAYER + "layer_norm$2.")
          .then("^visual\\.transformer\\.(\\d+)\\.attn\\.to_qkv\\.", LAYER + "self_attn.qkv_proj.")
          .then("^visual\\.transformer\\.(\\d+)\\.attn\\.proj\\.", LAYER + "self_attn.out_proj.")
          .then("^visual\\.transformer\\.(\\d+)\\.mlp\\.0\\.", LAYER + "mlp.fc1.")
          .then("^visual\\.transformer\\.(\\d+)\\.mlp\\.2\\.", LAYER + "mlp.fc2.")
          .then(VisionLayer.NAMES)
          .flat("embeddings\\.(class_embedding|position_embedding\\.weight)")
          .without("(textual\\.|visual\\.head$|log_scale$).*");

  /** What the files hold beyond: the final norm, and what follows it. */
  private static final Set<String> IGNORED =
      Set.of(
          "embeddings.position_ids",
          "post_layernorm.weight",
          "post_layernorm.bias",
          "visual_projection.weight");

  private final VisionConfig config;
  private final Weights weights;
  private final Linear patches;
  private final float[] wholeToken;
  private final float[] positions;
  private final LayerNorm firstNorm;
  private final VisionLayer[] layers;

  /**
   * An encoder with weights that are already checked.
   *
   * @param weights closed together with the encoder
   */
  private ClipImageEncoder(VisionConfig config, Weights weights) {
    this.config = config;
    this.weights = weights;
    patches = Linear.withoutBias(weights, "embeddings.patch_embedding");
    wholeToken = weights.floats("embeddings.class_embedding");
    positions = weights.floats("embeddings.position_embedding.weight");
    firstNorm = LayerNorm.of(weights, "pre_layrnorm", config.eps());
    layers = config.layers(weights, config.layers() - 1);
  }

  /**
   * Reads a published image encoder.
   *
   * @param allowUnused whether the weights may hold tensors that the encoder does not need
   * @throws org.lvsa.toolkit.io.MalformedFileException naming what does not fit
   */
  public static ClipImageEncoder open(ComponentFiles files, boolean allowUnused) {
    VisionConfig config = VisionConfig.clip(ComponentConfig.read(files.folder()));
    Weights weights = Weights.open(files.weights(), NAMES);
    try {
      weights.check(tensors(config), IGNORED, allowUnused);
      return new ClipImageEncoder(config, weights);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  private static TensorShapes tensors(VisionConfig config) {
    TensorShapes shapes =
        config
            .tensors()
            .add("embeddings.class_embedding", config.width())
            .add("embeddings.position_embedding.weight", tokens(config), config.width());
    // Misspelt in the published files.
    LayerNorm.addTensors(shapes, "pre_layrnorm", config.width());
    return shapes;
  }

  /** One for the whole picture, then one per patch. */
  private static int tokens(VisionConfig config) {
    return 1 + config.patches().count();
  }

  /** Tokens of a picture as an encoder's files have it, whose weights are not read. */
  public static int tokens(ComponentFiles files) {
    return tokens(VisionConfig.clip(ComponentConfig.read(files.folder())));
  }

  /** Tokens of a picture. */
  public int tokens() {
    return tokens(config);
  }

  /** The encoder's sizes. */
  public VisionConfig config() {
    return config;
  }

  /**
   * Encodes a picture.
   *
   * @param pixels {@code [3, side, side]} row-major, as {@link ClipPreprocessing} gives them
   * @return {@code [1, tokens, width]}, a new tensor
   */
  public INDArray encode(float[] pixels) {
    return encode(pixels, Observer.NONE);
  }

  /**
   * As {@link #encode(float[])}.
   *
   * @param observer is shown {@code hidden0} and so on, what each layer takes
   */
  INDArray encode(float[] pixels, Observer observer) {
    INDArray hidden;
    try (INDArray embedded = embed(pixels)) {
      hidden = firstNorm.apply(embedded);
    }
    observer.see("hidden0", hidden);
    for (int layer = 0; layer < layers.length; layer++) {
      layers[layer].apply(hidden);
      observer.see("hidden" + (layer + 1), hidden);
    }
    return hidden;
  }

  private INDArray embed(float[] pixels) {
    int width = config.width();
    INDArray out = Nd4j.createUninitialized(DataType.FLOAT, new long[] {1, tokens(), width});
    MemorySegment memory = NdMemory.view(out);
    MemorySegment.copy(wholeToken, 0, memory, ValueLayout.JAVA_FLOAT, 0, width);
    try (INDArray values = config.patches().gather(pixels);
        INDArray embedded = patches.apply(values)) {
      MemorySegment from = NdMemory.view(embedded);
      memory.asSlice((long) width * Float.BYTES).copyFrom(from);
    }
    try (INDArray places = NdMemory.copy(MemorySegment.ofArray(positions), 1, tokens(), width)) {
      Elementwise.add(out, places);
    }
    return out;
  }

  @Override
  public void close() {
    weights.close();
  }
}
