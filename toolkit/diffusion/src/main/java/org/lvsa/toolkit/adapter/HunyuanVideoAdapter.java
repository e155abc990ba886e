// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.config.Setting;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * HunyuanVideo 1.5. Video and text have separate projections and attend together. Query and key
 * have an RMS norm per head. Only video tokens have positions.
 */
public record HunyuanVideoAdapter() implements ModelAdapter {
  @Override
  public String family() {
    return "hunyuan";
  }

  @Override
  public boolean adapts(String model) {
    return model.startsWith("hunyuanvideo");
  }

  @Override
  public String prefix(int block) {
    return "transformer_blocks." + block + ".";
  }

  @Override
  public Map<String, long[]> tensors(BlockShape shape) {
    Map<String, long[]> shapes = new LinkedHashMap<>(shape.projections("attn"));
    shapes.putAll(BlockShape.linear("attn.add_q_proj", shape.width(), shape.width()));
    shapes.putAll(BlockShape.linear("attn.add_k_proj", shape.keyWidth(), shape.width()));
    shapes.putAll(BlockShape.linear("attn.add_v_proj", shape.keyWidth(), shape.width()));
    shapes.putAll(BlockShape.linear("attn.to_add_out", shape.width(), shape.width()));
    for (String norm : new String[] {"norm_q", "norm_k", "norm_added_q", "norm_added_k"}) {
      shapes.put("attn." + norm + ".weight", new long[] {shape.headDim()});
    }
    return shapes;
  }

  @Override
  public Qkv qkv(BlockWeights block, INDArray video) {
    return new Qkv(
        normalised(block, "to_q", "norm_q", video),
        normalised(block, "to_k", "norm_k", video),
        block.heads(block.linear("attn.to_v", video)));
  }

  @Override
  public Optional<Qkv> encoderQkv(BlockWeights block, INDArray text) {
    return Optional.of(
        new Qkv(
            normalised(block, "add_q_proj", "norm_added_q", text),
            normalised(block, "add_k_proj", "norm_added_k", text),
            block.heads(block.linear("attn.add_v_proj", text))));
  }

  private static INDArray normalised(BlockWeights block, String layer, String norm, INDArray x) {
    return block.heads(block.rms("attn." + norm, block.linear("attn." + layer, x)));
  }

  @Override
  public INDArray outputProjection(BlockWeights block, INDArray heads) {
    return block.linear("attn.to_out.0", block.features(heads));
  }

  @Override
  public Streams.Change formatOutput(BlockWeights block, INDArray video, Optional<INDArray> text) {
    return new Streams.Change(
        video, text.map(heads -> block.linear("attn.to_add_out", block.features(heads))));
  }

  @Override
  public Hook hook() {
    return new Hook("HunyuanVideo15Attention", Optional.of(Setting.LVSA_HUNYUAN_HOOK));
  }

  @Override
  public ContextParallelPlan contextParallelPlan() {
    return new ContextParallelPlan("transformer_blocks.0", "proj_out");
  }
}
