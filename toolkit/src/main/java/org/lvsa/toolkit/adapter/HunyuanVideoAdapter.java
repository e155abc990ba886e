// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.Map;
import org.lvsa.toolkit.attention.Generation;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * HunyuanVideo 1.5, dual-stream: video and text have projections of their own, RMS norm in each
 * head, and attend together; only video has positions.
 */
public record HunyuanVideoAdapter() implements ModelAdapter {
  @Override
  public String prefix(int block) {
    return "transformer_blocks." + block + ".";
  }

  @Override
  public Map<String, long[]> tensors(Frame frame) {
    Map<String, long[]> shapes = ModelAdapter.shapes();
    for (String layer :
        new String[] {
          "to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj", "to_out.0", "to_add_out"
        }) {
      ModelAdapter.linear(shapes, "attn." + layer, frame.width());
    }
    for (String norm : new String[] {"norm_q", "norm_k", "norm_added_q", "norm_added_k"}) {
      shapes.put("attn." + norm + ".weight", new long[] {frame.headDim()});
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
          normalised(tensors, "to_q", "norm_q", streams.video()),
          frame.rotary(),
          frame.grid(),
          frame.headDim()),
      Layers.rotate(
          normalised(tensors, "to_k", "norm_k", streams.video()),
          frame.rotary(),
          frame.grid(),
          frame.headDim()),
      Layers.linear(tensors, "attn.to_v", streams.video())
    };
    INDArray[] text = {
      normalised(tensors, "add_q_proj", "norm_added_q", streams.text()),
      normalised(tensors, "add_k_proj", "norm_added_k", streams.text()),
      Layers.linear(tensors, "attn.add_v_proj", streams.text())
    };
    Streams out = ModelAdapter.joint(generation, layer, frame, video, text);
    return new Streams(
        Layers.linear(tensors, "attn.to_out.0", out.video()),
        Layers.linear(tensors, "attn.to_add_out", out.text()));
  }

  private static INDArray normalised(
      Map<String, INDArray> tensors, String projection, String norm, INDArray x) {
    return Layers.rmsOfHeads(
        Layers.linear(tensors, "attn." + projection, x), tensors.get("attn." + norm + ".weight"));
  }
}
