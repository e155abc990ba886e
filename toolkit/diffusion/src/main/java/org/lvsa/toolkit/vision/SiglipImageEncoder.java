// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import java.lang.foreign.MemorySegment;
import java.util.HashSet;
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
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * SigLIP's image encoder (Zhai et al. 2023): patches of a picture go through the layers of a
 * transformer, then a norm. There is no token for the whole picture; the part that would make one
 * of all tokens is in the files and not used. Weights may be narrower; the computation is in
 * float32.
 */
public final class SiglipImageEncoder implements AutoCloseable {
  /** Files of some versions name the tensors as parts of a larger model. */
  private static final Renaming NAMES = Renaming.of("^vision_model\\.", "");

  /** The part that makes one token of all. */
  private static final Set<String> IGNORED = ignored();

  private final VisionConfig config;
  private final Weights weights;
  private final Linear patches;
  private final float[] positions;
  private final VisionLayer[] layers;
  private final LayerNorm lastNorm;

  /**
   * An encoder with weights that are already checked.
   *
   * @param weights closed together with the encoder
   */
  private SiglipImageEncoder(VisionConfig config, Weights weights) {
    this.config = config;
    this.weights = weights;
    patches = Linear.of(weights, "embeddings.patch_embedding");
    positions = weights.floats("embeddings.position_embedding.weight");
    layers = config.layers(weights, config.layers());
    lastNorm = LayerNorm.of(weights, "post_layernorm", config.eps());
  }

  private static Set<String> ignored() {
    Set<String> names = new HashSet<>();
    names.add("embeddings.position_ids");
    names.add("head.probe");
    names.add("head.attention.in_proj_weight");
    names.add("head.attention.in_proj_bias");
    for (String layer : new String[] {"attention.out_proj", "layernorm", "mlp.fc1", "mlp.fc2"}) {
      names.add("head." + layer + ".weight");
      names.add("head." + layer + ".bias");
    }
    return Set.copyOf(names);
  }

  /**
   * Reads a published image encoder.
   *
   * @param allowUnused whether the weights may hold tensors that the encoder does not need
   * @throws org.lvsa.toolkit.io.MalformedFileException naming what does not fit
   */
  public static SiglipImageEncoder open(ComponentFiles files, boolean allowUnused) {
    VisionConfig config = VisionConfig.siglip(ComponentConfig.read(files.folder()));
    Weights weights = Weights.open(files.weights(), NAMES);
    try {
      weights.check(tensors(config), IGNORED, allowUnused);
      return new SiglipImageEncoder(config, weights);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  private static TensorShapes tensors(VisionConfig config) {
    TensorShapes shapes =
        config
            .tensors()
            .add("embeddings.patch_embedding.bias", config.width())
            .add("embeddings.position_embedding.weight", config.patches().count(), config.width());
    LayerNorm.addTensors(shapes, "post_layernorm", config.width());
    return shapes;
  }

  /** The encoder's sizes. */
  public VisionConfig config() {
    return config;
  }

  /**
   * Encodes a picture.
   *
   * @param pixels {@code [3, side, side]} row-major, as {@link SiglipPreprocessing} gives them
   * @return {@code [1, tokens, width]}, a new tensor
   */
  public INDArray encode(float[] pixels) {
    return encode(pixels, Observer.NONE);
  }

  /**
   * As {@link #encode(float[])}.
   *
   * @param observer is shown {@code hidden0} and so on, what each layer takes and the last one
   *     gives
   */
  INDArray encode(float[] pixels, Observer observer) {
    try (INDArray hidden = embed(pixels)) {
      observer.see("hidden0", hidden);
      for (int layer = 0; layer < layers.length; layer++) {
        layers[layer].apply(hidden);
        observer.see("hidden" + (layer + 1), hidden);
      }
      return lastNorm.apply(hidden);
    }
  }

  private INDArray embed(float[] pixels) {
    long[] shape = {1, config.patches().count(), config.width()};
    try (INDArray values = config.patches().gather(pixels);
        INDArray places = NdMemory.copy(MemorySegment.ofArray(positions), shape)) {
      INDArray embedded = patches.apply(values, shape);
      Elementwise.add(embedded, places);
      return embedded;
    }
  }

  @Override
  public void close() {
    weights.close();
  }
}
