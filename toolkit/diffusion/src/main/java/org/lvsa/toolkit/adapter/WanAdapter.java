// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.config.Setting;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Wan 2.x. Self-attention is over video tokens only, with an RMS norm of query and key over all
 * heads together. The video sees text by cross-attention. Image-to-video models of Wan 2.1 also see
 * image tokens, which stand before the text tokens, by key and value projections of their own.
 *
 * @param image whether the model has image tokens
 */
public record WanAdapter(boolean image) implements ModelAdapter {
  /** Text tokens of an image-to-video model, which stand after the image tokens. */
  public static final int TEXT_TOKENS = 512;

  private static final int EXAMPLE_IMAGE_TOKENS = 17;

  /** A text-to-video model, for {@link java.util.ServiceLoader}. */
  public WanAdapter() {
    this(false);
  }

  @Override
  public String family() {
    return "wan";
  }

  @Override
  public boolean adapts(String model) {
    return model.startsWith("wan");
  }

  @Override
  public ModelAdapter forModel(String model) {
    // Wan 2.2's image-to-video models have no image tokens: their image is in the latents.
    return new WanAdapter(model.startsWith("wan2.1-i2v"));
  }

  @Override
  public int exampleEncoderTokens() {
    return image ? EXAMPLE_IMAGE_TOKENS + TEXT_TOKENS : ModelAdapter.super.exampleEncoderTokens();
  }

  @Override
  public String prefix(int block) {
    return "blocks." + block + ".";
  }

  @Override
  public Map<String, long[]> tensors(BlockShape shape) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    for (String module : new String[] {"attn1", "attn2"}) {
      shapes.putAll(shape.projections(module));
      shapes.put(module + ".norm_q.weight", new long[] {shape.width()});
      shapes.put(module + ".norm_k.weight", new long[] {shape.keyWidth()});
    }
    if (image) {
      shapes.putAll(BlockShape.linear("attn2.add_k_proj", shape.keyWidth(), shape.width()));
      shapes.putAll(BlockShape.linear("attn2.add_v_proj", shape.keyWidth(), shape.width()));
      shapes.put("attn2.norm_added_k.weight", new long[] {shape.keyWidth()});
    }
    return shapes;
  }

  @Override
  public Qkv qkv(BlockWeights block, INDArray video) {
    return new Qkv(
        normalised(block, "attn1.to_q", "attn1.norm_q", video),
        normalised(block, "attn1.to_k", "attn1.norm_k", video),
        block.heads(block.linear("attn1.to_v", video)));
  }

  private static INDArray normalised(BlockWeights block, String layer, String norm, INDArray x) {
    return block.heads(block.rms(norm, block.linear(layer, x)));
  }

  @Override
  public EncoderTokens splitEncoder(BlockWeights block, INDArray encoder) {
    if (!image) {
      return new EncoderTokens(encoder, Optional.empty());
    }
    long first = encoder.size(0) - TEXT_TOKENS;
    if (first < 1) {
      throw new IllegalArgumentException(
          "an image-to-video model's encoder tokens are the image's and then "
              + TEXT_TOKENS
              + " of text, got "
              + encoder.size(0)
              + " in all");
    }
    return new EncoderTokens(
        encoder.get(NDArrayIndex.interval(first, encoder.size(0)), NDArrayIndex.all()),
        Optional.of(encoder.get(NDArrayIndex.interval(0, first), NDArrayIndex.all())));
  }

  @Override
  public INDArray outputProjection(BlockWeights block, INDArray heads) {
    return block.linear("attn1.to_out.0", block.features(heads));
  }

  @Override
  public Optional<INDArray> crossAttention(
      BlockWeights block, CrossAttention attention, INDArray video, EncoderTokens encoder) {
    INDArray query = normalised(block, "attn2.to_q", "attn2.norm_q", video);
    INDArray out =
        attention.attend(
            query,
            normalised(block, "attn2.to_k", "attn2.norm_k", encoder.text()),
            block.heads(block.linear("attn2.to_v", encoder.text())));
    if (encoder.image().isPresent()) {
      INDArray tokens = encoder.image().get();
      out =
          out.add(
              attention.attend(
                  query,
                  normalised(block, "attn2.add_k_proj", "attn2.norm_added_k", tokens),
                  block.heads(block.linear("attn2.add_v_proj", tokens))));
    }
    return Optional.of(block.linear("attn2.to_out.0", block.features(out)));
  }

  @Override
  public Hook hook() {
    return new Hook("WanSelfAttention", Optional.of(Setting.LVSA_WAN_HOOK));
  }

  @Override
  public ContextParallelPlan contextParallelPlan() {
    return new ContextParallelPlan("blocks.0", "proj_out");
  }
}
