// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.LinkedHashMap;
import java.util.Map;
import org.lvsa.toolkit.attention.DiffusionAttention;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * What one family of models does around attention: projections, norms of query and key, rotary
 * positions, where the text goes, and the projections back.
 */
public sealed interface ModelAdapter permits WanAdapter, HunyuanVideoAdapter, CogVideoXAdapter {

  /**
   * Sizes of a block, and the place of its tokens.
   *
   * @param heads attention heads
   * @param headDim features of one
   * @param grid patches of a frame
   * @param rotary the model's positions
   */
  record Frame(int heads, int headDim, PatchGrid grid, RotaryEmbedding rotary) {
    /** Features of a token. */
    public int width() {
      return heads * headDim;
    }
  }

  /** Both streams, {@code [tokens, width]}. */
  record Streams(INDArray video, INDArray text) {}

  /** Names and shapes of the block's attention tensors, after the prefix. */
  Map<String, long[]> tensors(Frame frame);

  /** The tensors' prefix of a block in a diffusers checkpoint. */
  String prefix(int block);

  /**
   * The block's attention: what it adds to each stream.
   *
   * @param generation the video being made, which also chooses the attention
   * @param layer which block it is
   */
  Streams attend(
      Generation generation,
      Object layer,
      Frame frame,
      Map<String, INDArray> tensors,
      Streams streams);

  /** The adapter of a model of {@code datasets/models.json}. */
  static ModelAdapter of(String model) {
    if (model.startsWith("wan")) {
      return new WanAdapter();
    }
    if (model.startsWith("hunyuanvideo")) {
      return new HunyuanVideoAdapter();
    }
    if (model.startsWith("cogvideox")) {
      return new CogVideoXAdapter();
    }
    throw new IllegalArgumentException(
        "model must be a Wan, HunyuanVideo or CogVideoX one, got " + model);
  }

  /** Shapes of a linear layer. */
  static void linear(Map<String, long[]> shapes, String name, int width) {
    shapes.put(name + ".weight", new long[] {width, width});
    shapes.put(name + ".bias", new long[] {width});
  }

  /** Attention of a role over {@code [tokens, width]} matrices. */
  static INDArray attention(
      Generation generation,
      String role,
      Object layer,
      Frame frame,
      INDArray query,
      INDArray key,
      INDArray value) {
    INDArray out =
        DiffusionAttention.ofRole(generation, role)
            .attend(generation, layer, heads(query, frame), heads(key, frame), heads(value, frame));
    return out.reshape('c', query.size(0), frame.width());
  }

  private static INDArray heads(INDArray x, Frame frame) {
    return x.dup('c').reshape('c', 1, x.size(0), frame.heads(), frame.headDim());
  }

  /**
   * Attention of both streams together, video first: text queries see everything.
   *
   * @return what each stream gets
   */
  static Streams joint(
      Generation generation, Object layer, Frame frame, INDArray[] video, INDArray[] text) {
    INDArray[] both = new INDArray[3];
    for (int i = 0; i < 3; i++) {
      both[i] = Nd4j.vstack(video[i], text[i]);
    }
    INDArray out = attention(generation, "self", layer, frame, both[0], both[1], both[2]);
    long frames = video[0].size(0);
    return new Streams(
        out.get(NDArrayIndex.interval(0, frames), NDArrayIndex.all()),
        out.get(NDArrayIndex.interval(frames, out.size(0)), NDArrayIndex.all()));
  }

  /** An ordered map of shapes to fill. */
  static Map<String, long[]> shapes() {
    return new LinkedHashMap<>();
  }
}
