// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.stream.IntStream;
import org.lvsa.toolkit.layers.Activation;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.SoftmaxAttention;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.Renaming;
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
  /** Files of some versions name the tensors as parts of a larger model. */
  private static final Renaming NAMES = Renaming.of("^vision_model\\.", "");

  /** What the files hold beyond: the final norm, and what follows it. */
  private static final Set<String> IGNORED =
      Set.of(
          "embeddings.position_ids",
          "post_layernorm.weight",
          "post_layernorm.bias",
          "visual_projection.weight");

  private final ClipConfig config;
  private final Weights weights;
  private final Linear patches;
  private final float[] wholeToken;
  private final float[] positions;
  private final Norm firstNorm;
  private final Layer[] layers;

  /**
   * An encoder with weights that are already checked.
   *
   * @param weights closed together with the encoder
   */
  private ClipImageEncoder(ClipConfig config, Weights weights) {
    this.config = config;
    this.weights = weights;
    patches = Linear.withoutBias(weights, "embeddings.patch_embedding");
    wholeToken = weights.floats("embeddings.class_embedding");
    positions = weights.floats("embeddings.position_embedding.weight");
    firstNorm = Norm.of(weights, "pre_layrnorm", config.eps());
    layers =
        IntStream.range(0, config.layers() - 1)
            .mapToObj(layer -> Layer.of(config, weights, ClipConfig.prefix(layer)))
            .toArray(Layer[]::new);
  }

  /**
   * Reads a published image encoder.
   *
   * @param allowUnused whether the weights may hold tensors that the encoder does not need
   * @throws org.lvsa.toolkit.io.MalformedFileException naming what does not fit
   */
  public static ClipImageEncoder open(ComponentFiles files, boolean allowUnused) {
    ClipConfig config = ClipConfig.of(ComponentConfig.read(files.folder()));
    Weights weights = Weights.open(files.weights(), NAMES);
    try {
      weights.check(config.tensors(), IGNORED, allowUnused);
      return new ClipImageEncoder(config, weights);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  /** The encoder's sizes. */
  public ClipConfig config() {
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
    int side = config.side();
    if (pixels.length != Picture.COLOURS * side * side) {
      throw new IllegalArgumentException(
          "the image encoder takes " + side + "x" + side + " pixels, got " + pixels.length / 3);
    }
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
    INDArray out = Nd4j.createUninitialized(DataType.FLOAT, new long[] {1, config.tokens(), width});
    MemorySegment memory = NdMemory.view(out);
    MemorySegment.copy(wholeToken, 0, memory, ValueLayout.JAVA_FLOAT, 0, width);
    float[] gathered = gathered(pixels);
    int features = patches.in();
    try (INDArray values =
            NdMemory.copy(MemorySegment.ofArray(gathered), gathered.length / features, features);
        INDArray embedded = patches.apply(values)) {
      MemorySegment from = NdMemory.view(embedded);
      memory.asSlice((long) width * Float.BYTES).copyFrom(from);
    }
    try (INDArray places =
        NdMemory.copy(MemorySegment.ofArray(positions), 1, config.tokens(), width)) {
      Elementwise.add(out, places);
    }
    return out;
  }

  /** The values of each patch: colour by colour, in each row by row. */
  private float[] gathered(float[] pixels) {
    int side = config.side();
    int patch = config.patch();
    int grid = side / patch;
    float[] out = new float[grid * grid * Picture.COLOURS * patch * patch];
    int at = 0;
    for (int token = 0; token < grid * grid; token++) {
      for (int colour = 0; colour < Picture.COLOURS; colour++) {
        for (int y = 0; y < patch; y++) {
          int row = token / grid * patch + y;
          int from = (colour * side + row) * side + token % grid * patch;
          System.arraycopy(pixels, from, out, at, patch);
          at += patch;
        }
      }
    }
    return out;
  }

  @Override
  public void close() {
    weights.close();
  }

  private record Norm(float[] weight, float[] bias, double eps) {
    static Norm of(Weights weights, String name, double eps) {
      return new Norm(weights.floats(name + ".weight"), weights.floats(name + ".bias"), eps);
    }

    INDArray apply(INDArray x) {
      return Norms.layerNorm(x, weight, bias, eps);
    }
  }

  private record Layer(
      int heads,
      Activation activation,
      Norm norm1,
      Linear query,
      Linear key,
      Linear value,
      Linear out,
      Norm norm2,
      Linear up,
      Linear down) {
    static Layer of(ClipConfig config, Weights weights, String at) {
      return new Layer(
          config.heads(),
          config.activation(),
          Norm.of(weights, at + "layer_norm1", config.eps()),
          Linear.of(weights, at + "self_attn.q_proj"),
          Linear.of(weights, at + "self_attn.k_proj"),
          Linear.of(weights, at + "self_attn.v_proj"),
          Linear.of(weights, at + "self_attn.out_proj"),
          Norm.of(weights, at + "layer_norm2", config.eps()),
          Linear.of(weights, at + "mlp.fc1"),
          Linear.of(weights, at + "mlp.fc2"));
    }

    /** Changes {@code hidden} in place. */
    void apply(INDArray hidden) {
      long[] shape = {1, hidden.size(1), heads, hidden.size(2) / heads};
      try (INDArray normed = norm1.apply(hidden);
          INDArray q = query.apply(normed, shape);
          INDArray k = key.apply(normed, shape);
          INDArray v = value.apply(normed, shape);
          INDArray attended = SoftmaxAttention.attend(q, k, v);
          INDArray projected = out.apply(attended, hidden.shape())) {
        Elementwise.add(hidden, projected);
      }
      try (INDArray normed = norm2.apply(hidden);
          INDArray inner = up.apply(normed)) {
        activation.apply(inner);
        try (INDArray dense = down.apply(inner)) {
          Elementwise.add(hidden, dense);
        }
      }
    }
  }
}
