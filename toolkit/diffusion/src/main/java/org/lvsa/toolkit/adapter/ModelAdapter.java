// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Resolution;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What one family of models does around attention. {@link AttentionBlock} puts the pieces together.
 * Adapters are found with {@link ServiceLoader}: a jar with an adapter and its {@code
 * META-INF/services} entry is enough to add a family, as docs/adding-a-model.md describes.
 *
 * <p>Tensors called tokens are {@code [tokens, width]}, tensors called heads are {@code [1, tokens,
 * heads, headDim]}.
 */
public interface ModelAdapter {
  /** The name of the family in log lines. */
  String family();

  /** Whether a model, by its name in {@code datasets/models.json}, belongs to the family. */
  boolean adapts(String model);

  /** The adapter for one model of the family; the same for all unless the models differ. */
  default ModelAdapter forModel(String model) {
    return this;
  }

  // ---- geometry

  /** Tokens per latent frame. */
  default int patchesPerFrame(ModelGeometry model, Resolution resolution) {
    return model.grid(resolution).patches();
  }

  /** Latent frames of a video, as the blocks count them. */
  default int latentFrames(ModelGeometry model, int videoFrames) {
    return model.latentFrames(videoFrames);
  }

  /** The length of the videos that the model was trained on, in latent frames. */
  default int referenceLatentFrames(ModelGeometry model) {
    return model.referenceFrames();
  }

  /**
   * Encoder tokens for a run without an encoder: as many as the model takes, few if it may choose.
   */
  default int exampleEncoderTokens() {
    return 32;
  }

  // ---- weights

  /** What the names of a block's tensors start with in a diffusers checkpoint. */
  String prefix(int block);

  /** The attention's tensors: name after the prefix, and shape. */
  Map<String, long[]> tensors(BlockShape shape);

  // ---- attention

  /** Projects video tokens to query, key and value, and normalises query and key. */
  Qkv qkv(BlockWeights block, INDArray video);

  /**
   * Splits the encoder's tokens into text and image.
   *
   * @throws IllegalArgumentException if there are too few
   */
  default EncoderTokens splitEncoder(BlockWeights block, INDArray encoder) {
    return new EncoderTokens(encoder, Optional.empty());
  }

  /** Projects text that attends together with the video; empty for models whose text does not. */
  default Optional<Qkv> encoderQkv(BlockWeights block, INDArray text) {
    return Optional.empty();
  }

  /**
   * Applies the rotary position embedding to queries or keys of video tokens. By default it turns
   * neighbouring pairs of features by angles for time, row and column.
   *
   * @param firstToken position of the first token in the whole video, which is not 0 on later ranks
   */
  default INDArray rotate(BlockWeights block, INDArray heads, long firstToken) {
    return Layers.rotate(heads, block.shape().rotary(), block.shape().grid(), firstToken);
  }

  /** Projects the result of self-attention for video tokens back to the model's width. */
  INDArray outputProjection(BlockWeights block, INDArray heads);

  /**
   * Computes what cross-attention adds to the video tokens; empty for models that have none.
   *
   * @param video video tokens after self-attention
   */
  default Optional<INDArray> crossAttention(
      BlockWeights block, CrossAttention attention, INDArray video, EncoderTokens encoder) {
    return Optional.empty();
  }

  /**
   * Puts together what the block's attention adds to video and encoder tokens.
   *
   * @param video the sum for the video, projected
   * @param text the result of self-attention for text, not projected; empty if text took no part
   */
  default Streams.Change formatOutput(BlockWeights block, INDArray video, Optional<INDArray> text) {
    return new Streams.Change(video, Optional.empty());
  }

  // ---- installation

  /** When LVSA is installed in the model's blocks, and what log lines call the place. */
  Hook hook();

  /** Where the video's tokens are split among ranks. */
  ContextParallelPlan contextParallelPlan();

  /** Every adapter on the class path. */
  static List<ModelAdapter> all() {
    return ServiceLoader.load(ModelAdapter.class).stream()
        .map(ServiceLoader.Provider::get)
        .toList();
  }

  /**
   * The adapter of a model.
   *
   * @throws IllegalArgumentException naming the families that there are
   */
  static ModelAdapter of(String model) {
    List<ModelAdapter> all = all();
    return all.stream()
        .filter(adapter -> adapter.adapts(model))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no adapter for the model "
                        + model
                        + ", there are: "
                        + all.stream()
                            .map(ModelAdapter::family)
                            .sorted()
                            .collect(Collectors.joining(", "))))
        .forModel(model);
  }
}
