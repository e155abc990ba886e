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
 * What one family of models does around attention; {@link AttentionBlock} puts the pieces together.
 * Found with {@link ServiceLoader}: a jar with an adapter and its {@code META-INF/services} entry
 * is enough to add a family. See docs/adding-a-model.md.
 *
 * <p>Tokens are {@code [tokens, width]}, heads {@code [1, tokens, heads, headDim]}.
 */
public interface ModelAdapter {
  /** The family's name, as fallback and log lines have it. */
  String family();

  /** Whether a model of {@code datasets/models.json} belongs to the family. */
  boolean adapts(String model);

  /** The adapter of one of its models, for families whose models differ. */
  default ModelAdapter forModel(String model) {
    return this;
  }

  // ---- geometry

  /** Tokens of a latent frame. */
  default int patchesPerFrame(ModelGeometry model, Resolution resolution) {
    return model.grid(resolution).patches();
  }

  /** Latent frames of a video, as blocks see them. */
  default int latentFrames(ModelGeometry model, int videoFrames) {
    return model.latentFrames(videoFrames);
  }

  /** Training horizon in latent frames. */
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

  /** The prefix of a block's tensors in a diffusers checkpoint. */
  String prefix(int block);

  /** Names, after the prefix, and shapes of the attention's tensors. */
  Map<String, long[]> tensors(BlockShape shape);

  // ---- attention

  /** Projections of video tokens, with query and key normalised as the model does. */
  Qkv qkv(BlockWeights block, INDArray video);

  /**
   * Takes the encoder's tokens apart.
   *
   * @throws IllegalArgumentException if there are too few
   */
  default EncoderTokens splitEncoder(BlockWeights block, INDArray encoder) {
    return new EncoderTokens(encoder, Optional.empty());
  }

  /** Projections of text that attends together with the video; empty if it does not. */
  default Optional<Qkv> encoderQkv(BlockWeights block, INDArray text) {
    return Optional.empty();
  }

  /**
   * Turns queries or keys of video tokens by their place: the 3D rotary embedding, on neighbouring
   * pairs unless a family does otherwise.
   *
   * @param firstToken the first one's place in the whole video: not 0 on a later rank
   */
  default INDArray rotate(BlockWeights block, INDArray heads, long firstToken) {
    return Layers.rotate(heads, block.shape().rotary(), block.shape().grid(), firstToken);
  }

  /** The projection of what self-attention gave to video tokens. */
  INDArray outputProjection(BlockWeights block, INDArray heads);

  /**
   * What cross-attention adds to the video tokens; empty for models that have none.
   *
   * @param video video tokens after self-attention
   */
  default Optional<INDArray> crossAttention(
      BlockWeights block, CrossAttention attention, INDArray video, EncoderTokens encoder) {
    return Optional.empty();
  }

  /**
   * What the block's attention adds to both streams.
   *
   * @param video projected
   * @param text what self-attention gave to text, not projected; empty if it took no part
   */
  default Streams.Change formatOutput(BlockWeights block, INDArray video, Optional<INDArray> text) {
    return new Streams.Change(video, Optional.empty());
  }

  // ---- installation

  /** When and where LVSA is installed in the model's blocks. */
  Hook hook();

  /** Where its tokens are split among ranks. */
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
