// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.Map;
import org.lvsa.toolkit.attention.Generation;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Wan 2.x, single-stream: self-attention over video tokens with RMS norm across all heads of query
 * and key, then text by cross-attention.
 */
public record WanAdapter() implements ModelAdapter {
  @Override
  public String prefix(int block) {
    return "blocks." + block + ".";
  }

  @Override
  public Map<String, long[]> tensors(Frame frame) {
    Map<String, long[]> shapes = ModelAdapter.shapes();
    for (String attention : new String[] {"attn1", "attn2"}) {
      for (String layer : new String[] {"to_q", "to_k", "to_v", "to_out.0"}) {
        ModelAdapter.linear(shapes, attention + "." + layer, frame.width());
      }
      shapes.put(attention + ".norm_q.weight", new long[] {frame.width()});
      shapes.put(attention + ".norm_k.weight", new long[] {frame.width()});
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
    INDArray x = streams.video();
    INDArray query = normalised(tensors, "attn1", "q", x);
    INDArray key = normalised(tensors, "attn1", "k", x);
    INDArray self =
        ModelAdapter.attention(
            generation,
            "self",
            layer,
            frame,
            Layers.rotate(query, frame.rotary(), frame.grid(), frame.headDim()),
            Layers.rotate(key, frame.rotary(), frame.grid(), frame.headDim()),
            Layers.linear(tensors, "attn1.to_v", x));
    INDArray video = Layers.linear(tensors, "attn1.to_out.0", self);
    INDArray seen = x.add(video);
    INDArray cross =
        ModelAdapter.attention(
            generation,
            "cross",
            layer,
            frame,
            normalised(tensors, "attn2", "q", seen),
            normalised(tensors, "attn2", "k", streams.text()),
            Layers.linear(tensors, "attn2.to_v", streams.text()));
    return new Streams(
        video.add(Layers.linear(tensors, "attn2.to_out.0", cross)), streams.text().mul(0));
  }

  private static INDArray normalised(
      Map<String, INDArray> tensors, String attention, String which, INDArray x) {
    return Layers.rms(
        Layers.linear(tensors, attention + ".to_" + which, x),
        tensors.get(attention + ".norm_" + which + ".weight"));
  }
}
