// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter.example;

import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.lvsa.toolkit.adapter.BlockShape;
import org.lvsa.toolkit.adapter.BlockWeights;
import org.lvsa.toolkit.adapter.ContextParallelPlan;
import org.lvsa.toolkit.adapter.CrossAttention;
import org.lvsa.toolkit.adapter.EncoderTokens;
import org.lvsa.toolkit.adapter.Hook;
import org.lvsa.toolkit.adapter.ModelAdapter;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Allegro (rhymes-ai): self-attention without norms of query and key, text by cross-attention, and
 * a rotary embedding of its own: positions are divided by 2.2, 2 and 2, and element i of an axis
 * turns with element i + 16, not with its neighbour.
 */
public record AllegroAdapter() implements ModelAdapter {
  private static final double[] INTERPOLATION = {2.2, 2.0, 2.0};

  @Override
  public String family() {
    return "allegro";
  }

  @Override
  public boolean adapts(String model) {
    return model.startsWith("allegro");
  }

  @Override
  public int latentFrames(ModelGeometry model, int videoFrames) {
    return Math.ceilDiv(videoFrames, model.temporalFactor());
  }

  @Override
  public String prefix(int block) {
    return "transformer_blocks." + block + ".";
  }

  @Override
  public Map<String, long[]> tensors(BlockShape shape) {
    Map<String, long[]> shapes = new LinkedHashMap<>(shape.projections("attn1"));
    shapes.putAll(shape.projections("attn2"));
    return shapes;
  }

  @Override
  public Qkv qkv(BlockWeights block, INDArray video) {
    return new Qkv(
        block.heads(block.linear("attn1.to_q", video)),
        block.heads(block.linear("attn1.to_k", video)),
        block.heads(block.linear("attn1.to_v", video)));
  }

  @Override
  public INDArray outputProjection(BlockWeights block, INDArray heads) {
    return block.linear("attn1.to_out.0", block.features(heads));
  }

  @Override
  public Optional<INDArray> crossAttention(
      BlockWeights block, CrossAttention attention, INDArray video, EncoderTokens encoder) {
    INDArray out =
        attention.attend(
            block.heads(block.linear("attn2.to_q", video)),
            block.heads(block.linear("attn2.to_k", encoder.text())),
            block.heads(block.linear("attn2.to_v", encoder.text())));
    return Optional.of(block.linear("attn2.to_out.0", block.features(out)));
  }

  @Override
  public INDArray rotate(BlockWeights block, INDArray heads, long firstToken) {
    int columns = block.shape().grid().columns();
    int patches = block.shape().grid().patches();
    int axis = block.shape().headDim() / 3;
    int vectors = (int) heads.size(2);
    float[] x = NdMemory.floats(heads);
    for (int at = 0; at < x.length; at += axis) {
      long token = firstToken + at / (vectors * 3 * axis);
      long[] place = {token / patches, token % patches / columns, token % patches % columns};
      int which = at / axis % 3;
      for (int i = 0; i < axis / 2; i++) {
        double angle = place[which] / INTERPOLATION[which] * Math.pow(10000, -2.0 * i / axis);
        float a = x[at + i];
        float b = x[at + i + axis / 2];
        x[at + i] = (float) (a * Math.cos(angle) - b * Math.sin(angle));
        x[at + i + axis / 2] = (float) (b * Math.cos(angle) + a * Math.sin(angle));
      }
    }
    return NdMemory.copy(MemorySegment.ofArray(x), heads.shape());
  }

  @Override
  public Hook hook() {
    return new Hook("AllegroAttention", Optional.empty());
  }

  @Override
  public ContextParallelPlan contextParallelPlan() {
    return new ContextParallelPlan("transformer_blocks.0", "proj_out");
  }
}
