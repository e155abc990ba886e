// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.kernels.PreparedAttention;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * Attention by ND4J operations, frame by frame or block by block: the keys and values that the
 * queries attend to are gathered into one array, then softmax(Q·Kᵀ)·V. Scores are held for at most
 * {@link #MAX_SCORES} at a time. Blocks with a band are computed whole.
 */
final class Nd4jKernel implements AttentionKernel {
  private static final ValueLayout.OfFloat FLOATS =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final String NAME = "nd4j-per-frame-sdpa";

  /** 128 MiB of float32 scores. */
  private static final long MAX_SCORES = 1 << 25;

  /** Starts ND4J, and says on what. */
  static String startedDevice() {
    INDArray one = Nd4j.ones(DataType.FLOAT, 1, 1);
    one.mmul(one);
    return "CPU, "
        + Nd4j.getExecutioner().getEnvironmentInformation().getProperty("blas.vendor")
        + ", "
        + Runtime.getRuntime().availableProcessors()
        + " threads";
  }

  @Override
  public String device() {
    return startedDevice();
  }

  @Override
  public Optional<String> unsupported(AttentionShape shape, DType dtype) {
    long head = (long) shape.tokens() * shape.headDim();
    return head > Integer.MAX_VALUE - 8
        ? Optional.of("one head has " + head + " elements, a Java array holds at most 2^31-9")
        : Optional.empty();
  }

  @Override
  public PreparedAttention prepare(AttentionInputs inputs) {
    return PreparedAttention.direct(inputs, Nd4jKernel::attend);
  }

  private static KernelRun attend(AttentionProblem problem, AttentionOutput output) {
    AttentionShape shape = problem.shape();
    BlockSparseLayout layout = problem.layout().superset();
    Times times = new Times();
    for (int head = 0; head < shape.heads(); head++) {
      List<KeyRanges> groups = KeyRanges.of(shape, layout, head);
      for (int sequence = 0; sequence < shape.batch(); sequence++) {
        head(problem, groups, output, sequence, head, times);
      }
    }
    return new KernelRun(
        NAME, times.kernel / 1e6, 0, times.transfer / 1e6, times.extraFloats * Float.BYTES);
  }

  private static final class Times {
    long kernel;
    long transfer;
    long extraFloats;
  }

  private static void head(
      AttentionProblem problem,
      List<KeyRanges> groups,
      AttentionOutput output,
      int sequence,
      int head,
      Times times) {
    AttentionShape shape = problem.shape();
    long start = System.nanoTime();
    try (INDArray query = load(problem, problem.query(), sequence, head, true);
        INDArray key = load(problem, problem.key(), sequence, head, false);
        INDArray value = load(problem, problem.value(), sequence, head, false);
        INDArray out = Nd4j.create(DataType.FLOAT, shape.tokens(), shape.headDim())) {
      INDArray logSumExp = Nd4j.create(DataType.FLOAT, shape.tokens(), 1);
      long loaded = System.nanoTime();
      for (KeyRanges group : groups) {
        attend(shape, group, query, key, value, out, logSumExp, times);
      }
      long computed = System.nanoTime();
      store(output, shape, sequence, head, out, logSumExp);
      times.kernel += computed - loaded;
      times.transfer += loaded - start + System.nanoTime() - computed;
    }
  }

  private static void attend(
      AttentionShape shape,
      KeyRanges group,
      INDArray query,
      INDArray key,
      INDArray value,
      INDArray out,
      INDArray logSumExp,
      Times times) {
    int keys = group.keys();
    if (keys == 0) {
      rows(logSumExp, group.firstQuery(), group.queryCount()).assign(Float.NEGATIVE_INFINITY);
      return;
    }
    try (INDArray gatheredKey = gather(key, group);
        INDArray gatheredValue = gather(value, group)) {
      // Frame by frame as published; a dense group is cut likewise, so that both pay the same
      // calls.
      int step = Math.clamp(MAX_SCORES / keys, 1, shape.patchesPerFrame());
      times.extraFloats =
          Math.max(
              times.extraFloats,
              4L * shape.tokens() * shape.headDim()
                  + 2L * keys * shape.headDim()
                  + 2L * step * keys);
      for (int done = 0; done < group.queryCount(); done += step) {
        int first = group.firstQuery() + done;
        int count = Math.min(step, group.queryCount() - done);
        try (INDArray scores =
                Nd4j.gemm(rows(query, first, count), gatheredKey, false, true)
                    .muli((float) shape.scale());
            // Finite, so that scores of −∞ get weight 0 and not ∞ − ∞.
            INDArray max = Transforms.max(scores.max(true, 1), -Float.MAX_VALUE, false)) {
          Transforms.exp(scores.subiColumnVector(max), false);
          INDArray sum = scores.sum(true, 1);
          rows(out, first, count)
              .assign(Nd4j.gemm(scores, gatheredValue, false, false).diviColumnVector(sum));
          rows(logSumExp, first, count).assign(Transforms.log(sum, true).addi(max));
        }
      }
    }
  }

  private static INDArray gather(INDArray head, KeyRanges group) {
    INDArray[] runs =
        IntStream.range(0, group.keyStarts().length)
            .mapToObj(run -> rows(head, group.keyStarts()[run], group.keyCounts()[run]))
            .toArray(INDArray[]::new);
    return runs.length == 1 ? runs[0].dup() : Nd4j.concat(0, runs);
  }

  private static INDArray rows(INDArray matrix, int first, int count) {
    return matrix.get(NDArrayIndex.interval(first, first + count), NDArrayIndex.all());
  }

  /** One head as {@code [tokens, headDim]}, widened to float32. */
  private static INDArray load(
      AttentionProblem problem, MemorySegment from, int sequence, int head, boolean query) {
    AttentionShape shape = problem.shape();
    int headDim = shape.headDim();
    INDArray to = Nd4j.createUninitialized(DataType.FLOAT, shape.tokens(), headDim);
    MemorySegment memory = memory(to);
    for (int token = 0; token < shape.tokens(); token++) {
      long offset =
          query ? shape.queryOffset(sequence, token, head) : shape.keyOffset(sequence, token, head);
      long at = (long) token * headDim;
      if (problem.dtype() == DType.F32) {
        MemorySegment.copy(
            from, offset * Float.BYTES, memory, at * Float.BYTES, (long) headDim * Float.BYTES);
      } else {
        for (int d = 0; d < headDim; d++) {
          memory.set(FLOATS, (at + d) * Float.BYTES, problem.dtype().get(from, offset + d));
        }
      }
    }
    return to;
  }

  private static void store(
      AttentionOutput output,
      AttentionShape shape,
      int sequence,
      int head,
      INDArray out,
      INDArray logSumExp) {
    int headDim = shape.headDim();
    MemorySegment memory = memory(out);
    for (int token = 0; token < shape.tokens(); token++) {
      long offset = shape.queryOffset(sequence, token, head);
      MemorySegment.copy(
          memory,
          (long) token * headDim * Float.BYTES,
          output.out(),
          offset * Float.BYTES,
          (long) headDim * Float.BYTES);
      if (output.logSumExp().isPresent()) {
        DType.F32.set(output.logSumExp().get(), offset / headDim, logSumExp.getFloat(token, 0));
      }
    }
  }

  /** The array's own memory: ND4J keeps it outside the Java heap. */
  @SuppressWarnings("restricted")
  private static MemorySegment memory(INDArray array) {
    return MemorySegment.ofAddress(array.data().address())
        .reinterpret(array.length() * Float.BYTES);
  }
}
