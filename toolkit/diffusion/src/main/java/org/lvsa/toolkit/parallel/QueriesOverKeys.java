// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.PartialAttention;

/**
 * Dense attention of some queries over another number of keys, with kernels that compute only
 * self-attention over frames of equal size.
 *
 * <p>The queries are put into the first frame and the keys into the frames after it, and only the
 * first frame attends to anything. If the number of keys is not a multiple of the number of
 * queries, the rest of the keys is a second problem with smaller frames, and the two results are
 * merged.
 *
 * @param queries shape of the queries: one frame with one patch per query
 * @param compute runs the kernel
 * @param arena owns the results' memory
 */
record QueriesOverKeys(AttentionShape queries, ContextParallel.Compute compute, Arena arena) {

  /** Computes the output and the log-sum-exp over all keys. */
  AttentionOutput attend(float[] query, float[] key, float[] value) {
    int rows = queries.patchesPerFrame();
    int keyRow = queries.kvHeads() * queries.headDim();
    int keys = key.length / keyRow;
    int whole = keys / rows * rows;
    AttentionOutput all = AttentionOutput.allocateWithLogSumExp(queries, arena);
    float[] nothing = new float[Math.toIntExact(queries.logSumExpElements())];
    Arrays.fill(nothing, Float.NEGATIVE_INFINITY);
    all.logSumExp().orElseThrow().copyFrom(MemorySegment.ofArray(nothing));
    if (whole > 0) {
      PartialAttention.merge(queries, all, part(query, key, value, 0, whole, rows));
    }
    if (keys > whole) {
      PartialAttention.merge(queries, all, part(query, key, value, whole, keys, keys - whole));
    }
    return all;
  }

  /** Computes them over the keys from {@code first} to before {@code end}, in frames of a size. */
  private AttentionOutput part(
      float[] query, float[] key, float[] value, int first, int end, int patches) {
    int queryFrames = Math.ceilDiv(queries.patchesPerFrame(), patches);
    int keyFrames = (end - first) / patches;
    AttentionShape shape =
        new AttentionShape(
            1,
            queryFrames + keyFrames,
            patches,
            0,
            queries.heads(),
            queries.kvHeads(),
            queries.headDim());
    int[] indptr = new int[queryFrames + keyFrames + 1];
    int[] indices = new int[queryFrames * keyFrames];
    for (int row = 0; row < queryFrames + keyFrames; row++) {
      indptr[row + 1] = Math.min(row + 1, queryFrames) * keyFrames;
    }
    for (int i = 0; i < indices.length; i++) {
      indices[i] = queryFrames + i % keyFrames;
    }
    try (Arena scratch = Arena.ofShared()) {
      MemorySegment q = scratch.allocate(shape.queryElements() * Float.BYTES, 64);
      MemorySegment k = scratch.allocate(shape.keyElements() * Float.BYTES, 64);
      MemorySegment v = scratch.allocate(shape.keyElements() * Float.BYTES, 64);
      MemorySegment.copy(query, 0, q, ValueLayout.JAVA_FLOAT, 0, query.length);
      int keyRow = queries.kvHeads() * queries.headDim();
      long at = (long) queryFrames * patches * keyRow * Float.BYTES;
      int count = (end - first) * keyRow;
      MemorySegment.copy(key, first * keyRow, k, ValueLayout.JAVA_FLOAT, at, count);
      MemorySegment.copy(value, first * keyRow, v, ValueLayout.JAVA_FLOAT, at, count);
      AttentionOutput output = AttentionOutput.allocateWithLogSumExp(shape, scratch);
      compute.run(
          new AttentionProblem(
              new AttentionInputs(shape, DType.F32, q, k, v),
              BlockSparseLayout.of(queryFrames + keyFrames, indptr, indices)),
          output);
      AttentionOutput part = AttentionOutput.allocateWithLogSumExp(queries, arena);
      long rows = queries.queryElements() * Float.BYTES;
      part.out().copyFrom(output.out().asSlice(0, rows));
      MemorySegment lse = part.logSumExp().orElseThrow();
      lse.copyFrom(output.logSumExp().orElseThrow().asSlice(0, lse.byteSize()));
      return part;
    }
  }
}
