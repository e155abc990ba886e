// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.lang.foreign.Arena;
import java.util.function.Consumer;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.ops.transforms.Transforms;

/** Dense scaled dot-product attention. */
public final class SdpaAttention implements DiffusionAttention {
  private final boolean cross;

  /** For {@link java.util.ServiceLoader}. */
  public SdpaAttention() {
    this(false);
  }

  /**
   * @param cross whether query and key are different tokens even where there are as many of each
   */
  SdpaAttention(boolean cross) {
    this.cross = cross;
  }

  @Override
  public String name() {
    return "SDPA";
  }

  @Override
  public INDArray attend(
      Generation generation, Object layer, INDArray query, INDArray key, INDArray value) {
    return cross ? cross(query, key, value) : dense(generation, query, key, value);
  }

  static INDArray dense(Generation generation, INDArray query, INDArray key, INDArray value) {
    if (query.size(1) != key.size(1)) {
      return cross(query, key, value);
    }
    generation.wholeSequence();
    generation.runsDense();
    SequenceGeometry whole = new SequenceGeometry(1, (int) query.size(1), 0);
    return run(generation, whole, BlockSparseLayout.dense(1), query, key, value);
  }

  /** Runs the generation's kernel on tensors. */
  static INDArray run(
      Generation generation,
      SequenceGeometry geometry,
      BlockSparseLayout layout,
      INDArray query,
      INDArray key,
      INDArray value) {
    Qkv tokens = new Qkv(query, key, value);
    return run(
        SelfAttention.shape(geometry, tokens),
        tokens,
        (inputs, output) -> generation.run(new AttentionProblem(inputs, layout), output));
  }

  /** Writes the attention of some inputs to an output. */
  @FunctionalInterface
  interface Work {
    /** Does it. */
    void run(AttentionInputs inputs, AttentionOutput output);
  }

  /** Does work on tensors, and gives its output as a tensor like the query. */
  static INDArray run(AttentionShape shape, Qkv tokens, Work work) {
    INDArray out = Nd4j.createUninitialized(DataType.FLOAT, tokens.query().shape());
    try (Arena arena = Arena.ofShared()) {
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      read(shape, tokens, inputs -> work.run(inputs, output));
      NdMemory.view(out).copyFrom(output.out());
    }
    return out;
  }

  /** Shows tensors as a kernel's inputs. Row-major tensors are read without a copy. */
  static void read(AttentionShape shape, Qkv tokens, Consumer<AttentionInputs> reader) {
    INDArray q = NdMemory.rowMajor(tokens.query());
    INDArray k = NdMemory.rowMajor(tokens.key());
    INDArray v = NdMemory.rowMajor(tokens.value());
    reader.accept(
        new AttentionInputs(
            shape, DType.F32, NdMemory.view(q), NdMemory.view(k), NdMemory.view(v)));
  }

  /** Attention with queries and keys of different lengths, one head at a time. */
  private static INDArray cross(INDArray query, INDArray key, INDArray value) {
    INDArray out = Nd4j.create(DataType.FLOAT, query.shape());
    long group = query.size(2) / key.size(2);
    double scale = 1 / Math.sqrt(query.size(3));
    for (long sequence = 0; sequence < query.size(0); sequence++) {
      for (long head = 0; head < query.size(2); head++) {
        INDArray q = head(query, sequence, head);
        INDArray k = head(key, sequence, head / group);
        INDArray scores = q.mmul(k.transpose()).muli(scale);
        INDArray weights = Transforms.softmax(scores);
        out.put(
            new org.nd4j.linalg.indexing.INDArrayIndex[] {
              NDArrayIndex.point(sequence),
              NDArrayIndex.all(),
              NDArrayIndex.point(head),
              NDArrayIndex.all()
            },
            weights.mmul(head(value, sequence, head / group)));
      }
    }
    return out;
  }

  private static INDArray head(INDArray tensor, long sequence, long head) {
    return tensor
        .get(
            NDArrayIndex.point(sequence),
            NDArrayIndex.all(),
            NDArrayIndex.point(head),
            NDArrayIndex.all())
        .castTo(DataType.FLOAT)
        .dup('c');
  }
}
