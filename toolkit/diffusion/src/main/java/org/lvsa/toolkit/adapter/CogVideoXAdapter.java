// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.lvsa.toolkit.attention.Qkv;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * CogVideoX. Video and text share their projections and attend together. Query and key have a layer
 * norm per head. Only video tokens have positions.
 *
 * <p>The published model puts text before video. Here video comes first, as LVSA needs it; the
 * order of the tokens does not change attention. CogVideoX 1.5 joins two latent frames to one
 * patch; its latent frames are counted after that.
 */
public record CogVideoXAdapter() implements ModelAdapter {
  @Override
  public String family() {
    return "cogvideox";
  }

  @Override
  public boolean adapts(String model) {
    return model.startsWith("cogvideox");
  }

  @Override
  public String prefix(int block) {
    return "transformer_blocks." + block + ".";
  }

  @Override
  public Map<String, long[]> tensors(BlockShape shape) {
    Map<String, long[]> shapes = new LinkedHashMap<>(shape.projections("attn1"));
    for (String norm : new String[] {"norm_q", "norm_k"}) {
      shapes.put("attn1." + norm + ".weight", new long[] {shape.headDim()});
      shapes.put("attn1." + norm + ".bias", new long[] {shape.headDim()});
    }
    return shapes;
  }

  @Override
  public Qkv qkv(BlockWeights block, INDArray tokens) {
    return new Qkv(
        normalised(block, "q", tokens),
        normalised(block, "k", tokens),
        block.heads(block.linear("attn1.to_v", tokens)));
  }

  @Override
  public Optional<Qkv> encoderQkv(BlockWeights block, INDArray text) {
    return Optional.of(qkv(block, text));
  }

  private static INDArray normalised(BlockWeights block, String which, INDArray x) {
    return block.heads(
        block.layerNorm("attn1.norm_" + which, block.linear("attn1.to_" + which, x)));
  }

  @Override
  public INDArray outputProjection(BlockWeights block, INDArray heads) {
    return block.linear("attn1.to_out.0", block.features(heads));
  }

  @Override
  public Streams.Change formatOutput(BlockWeights block, INDArray video, Optional<INDArray> text) {
    return new Streams.Change(video, text.map(heads -> outputProjection(block, heads)));
  }

  @Override
  public Hook hook() {
    return new Hook("CogVideoXAttention", Optional.empty());
  }

  @Override
  public ContextParallelPlan contextParallelPlan() {
    return new ContextParallelPlan("transformer_blocks.0", "proj_out");
  }
}
