// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.toolkit.parallel.ContextParallel;
import org.lvsa.toolkit.parallel.Shard;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Self-attention of video and text, dense or with a layout, on one rank or on several. */
final class SelfAttention {
  private SelfAttention() {}

  /** Every token attends to every token. */
  static Attended dense(Generation generation, Qkv video, Optional<Qkv> text) {
    generation.runsDense();
    if (isRagged(text)) {
      return elements(video, text.get(), (one, its) -> dense(generation, one, its));
    }
    if (generation.ranks().world() == 1) {
      return joined(
          video,
          text,
          joint -> SdpaAttention.dense(generation, joint.query(), joint.key(), joint.value()));
    }
    int tokens = generation.videoTokens(video);
    SequenceGeometry whole = new SequenceGeometry(1, tokens, text.map(Qkv::tokens).orElse(0));
    return run(generation, whole, BlockSparseLayout.dense(1), video, text);
  }

  /**
   * Computes attention with a layout.
   *
   * @param geometry how the whole sequence divides into frames and text
   * @param layout which frames of the whole video attend to which
   * @param video this rank's video tokens
   * @param text all text tokens
   */
  static Attended run(
      Generation generation,
      SequenceGeometry geometry,
      BlockSparseLayout layout,
      Qkv video,
      Optional<Qkv> text) {
    if (isRagged(text)) {
      return elements(
          video,
          text.get(),
          (one, its) -> {
            SequenceGeometry alone = geometry.withText(its.map(Qkv::tokens).orElse(0));
            return run(generation, alone, layout, one, its);
          });
    }
    if (generation.ranks().world() == 1) {
      return joined(
          video,
          text,
          joint ->
              SdpaAttention.run(
                  generation, geometry, layout, joint.query(), joint.key(), joint.value()));
    }
    AttentionShape shape = shape(geometry, video);
    ContextParallel ranks =
        generation.view().scheme().of(shape, generation.view().place().sequence());
    Shard out =
        ranks.attend(
            generation::run,
            layout,
            shard(video.query(), text.map(Qkv::query)),
            shard(video.key(), text.map(Qkv::key)),
            shard(video.value(), text.map(Qkv::value)));
    return new Attended(
        tensor(out.video(), video.query()), text.map(t -> tensor(out.text(), t.query())));
  }

  /** Whether the batch elements' texts differ in length, so that each attends for itself. */
  static boolean isRagged(Optional<Qkv> text) {
    return text.isPresent() && text.get().isRagged();
  }

  /**
   * Attends with one batch element after the other; rows of padding become zeros.
   *
   * @param attention of one element
   */
  static Attended elements(
      Qkv video, Qkv text, BiFunction<Qkv, Optional<Qkv>, Attended> attention) {
    INDArray outs = Nd4j.createUninitialized(DataType.FLOAT, video.query().shape());
    INDArray texts = Nd4j.zeros(DataType.FLOAT, text.query().shape());
    for (int element = 0; element < video.query().size(0); element++) {
      try (Qkv one = video.element(element);
          Qkv its = text.element(element)) {
        Attended attended = attention.apply(one, Optional.of(its));
        try (INDArray out = attended.video();
            INDArray textOut = attended.text().orElseThrow()) {
          put(out, element, outs);
          put(textOut, element, texts);
        }
      }
    }
    return new Attended(outs, Optional.of(texts));
  }

  /** Copies one element's tokens to the first rows of its place in the batch. */
  private static void put(INDArray one, int element, INDArray all) {
    long bytes = all.length() / all.size(0) * Float.BYTES;
    MemorySegment from = NdMemory.view(one);
    NdMemory.view(all).asSlice(element * bytes, from.byteSize()).copyFrom(from);
  }

  /**
   * Attends in one sequence, the video first.
   *
   * @param attention gives a new tensor like the query of that sequence
   */
  static Attended joined(Qkv video, Optional<Qkv> text, Function<Qkv, INDArray> attention) {
    Qkv joint = video.then(text);
    try {
      return Attended.split(attention.apply(joint), video.tokens());
    } finally {
      if (text.isPresent()) {
        joint.close();
      }
    }
  }

  static AttentionShape shape(SequenceGeometry geometry, Qkv tokens) {
    return new AttentionShape(
        (int) tokens.query().size(0),
        geometry.latentFrames(),
        geometry.patchesPerFrame(),
        geometry.textTokens(),
        (int) tokens.query().size(2),
        (int) tokens.key().size(2),
        (int) tokens.query().size(3));
  }

  private static Shard shard(INDArray video, Optional<INDArray> text) {
    return new Shard(NdMemory.floats(video), text.map(NdMemory::floats).orElse(new float[0]));
  }

  private static INDArray tensor(float[] floats, INDArray like) {
    return NdMemory.copy(MemorySegment.ofArray(floats), like.shape());
  }
}
