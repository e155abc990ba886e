// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.Map;
import org.lvsa.toolkit.attention.Generation;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * CogVideoX, joint attention: video and text share their projections, with layer norm in each head
 * of query and key; only video has positions. The checkpoint's order is text first; LVSA wants
 * video first, and attention does not mind.
 */
public record CogVideoXAdapter() implements ModelAdapter {
  @Override
  public String prefix(int block) {
    return "transformer_blocks." + block + ".";
  }

  @Override
  public Map<String, long[]> tensors(Frame frame) {
    Map<String, long[]> shapes = ModelAdapter.shapes();
    for (String layer : new String[] {"to_q", "to_k", "to_v", "to_out.0"}) {
      ModelAdapter.linear(shapes, "attn1." + layer, frame.width());
    }
    for (String norm : new String[] {"norm_q", "norm_k"}) {
      shapes.put("attn1." + norm + ".weight", new long[] {frame.headDim()});
      shapes.put("attn1." + norm + ".bias", new long[] {frame.headDim()});
    }
    return shapes;
  }

  @Override
  public Streams attend(
      Generation generation,
      Object layer,
      Frame frame,
      Map<String, INDArray> tensors,
      Streams streams) {
    INDArray[] video = {
      Layers.rotate(
          normalised(tensors, "q", streams.video()), frame.rotary(), frame.grid(), frame.headDim()),
      Layers.rotate(
          normalised(tensors, "k", streams.video()), frame.rotary(), frame.grid(), frame.headDim()),
      Layers.linear(tensors, "attn1.to_v", streams.video())
    };
    INDArray[] text = {
      normalised(tensors, "q", streams.text()),
      normalised(tensors, "k", streams.text()),
      Layers.linear(tensors, "attn1.to_v", streams.text())
    };
    Streams out = ModelAdapter.joint(generation, layer, frame, video, text);
    return new Streams(
        Layers.linear(tensors, "attn1.to_out.0", out.video()),
        Layers.linear(tensors, "attn1.to_out.0", out.text()));
  }

  private static INDArray normalised(Map<String, INDArray> tensors, String which, INDArray x) {
    return Layers.layerNormOfHeads(
        Layers.linear(tensors, "attn1.to_" + which, x),
        tensors.get("attn1.norm_" + which + ".weight"),
        tensors.get("attn1.norm_" + which + ".bias"));
  }
}
