// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task14;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task15;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Tasks that run {@link RegisterKernels}: keys and values are brought into blocks, the kernel runs,
 * and queries that it flags are computed again.
 */
final class RegisterTasks {
  private RegisterTasks() {}

  /**
   * Keys and values in blocks.
   *
   * @param shape of the keys
   * @param columns where tokens stand
   * @param keys as {@link BlockedLayouts#keys} writes them
   * @param values as {@link BlockedLayouts#values} writes them
   * @param largest the largest value of each tile of columns
   */
  record Blocks(
      AttentionShape shape,
      Columns columns,
      HalfFloatArray keys,
      HalfFloatArray values,
      FloatArray largest) {
    static Blocks allocate(AttentionShape shape, Columns columns) {
      int vectors = shape.batch() * shape.kvHeads();
      return new Blocks(
          shape,
          columns,
          new HalfFloatArray(Math.toIntExact((long) vectors * columns.count() * shape.headDim())),
          new HalfFloatArray(Math.toIntExact(valueElements(shape, columns))),
          new FloatArray(vectors * (columns.count() / BlockedLayouts.TILE)));
    }

    /** Number of elements of the values, which have a block more than the keys. */
    static long valueElements(AttentionShape shape, Columns columns) {
      return (long) shape.batch()
          * shape.kvHeads()
          * columns.count()
          * RegisterKernels.valueElements(shape.headDim());
    }
  }

  /**
   * What the kernel writes.
   *
   * @param out {@code [batch, tokens, heads, headDim]}
   * @param logSumExp {@code [batch, tokens, heads]}
   * @param flags 1 at the first query of each warp that is computed again
   * @param again one number, above 0 if there was a flag
   */
  record Results(FloatArray out, FloatArray logSumExp, IntArray flags, IntArray again) {
    static Results allocate(AttentionShape shape) {
      int sums = Math.toIntExact(shape.logSumExpElements());
      return new Results(
          new FloatArray(Math.toIntExact(shape.queryElements())),
          new FloatArray(sums),
          new IntArray(sums),
          new IntArray(1));
    }
  }

  /**
   * Adds the tasks that bring keys and values into blocks.
   *
   * @param prefix of their names
   * @param dtype of the values, which become fp16
   */
  static void addBlocks(
      GraphTasks tasks,
      String prefix,
      HalfFloatArray key,
      HalfFloatArray value,
      DType dtype,
      Blocks to) {
    AttentionShape shape = to.shape();
    Columns columns = to.columns();
    for (String name : new String[] {prefix + "Keys", prefix + "Values"}) {
      tasks.groups(
          name,
          columns.count() / BlockedLayouts.TILE,
          shape.batch() * shape.kvHeads(),
          BlockedLayouts.THREADS);
    }
    tasks
        .graph()
        .task(
            prefix + "Keys",
            BlockedLayouts::keys,
            new KernelContext(),
            key,
            to.keys(),
            shape.tokens(),
            shape.kvHeads(),
            shape.headDim(),
            columns.length(),
            columns.paddedLength(),
            columns.stretchTokens(),
            columns.paddedStretches(),
            columns.count())
        .task(
            prefix + "Values",
            BlockedLayouts::values,
            new KernelContext(),
            value,
            to.values(),
            to.largest(),
            shape.tokens(),
            shape.kvHeads(),
            shape.headDim(),
            columns.length(),
            columns.paddedLength(),
            columns.stretchTokens(),
            columns.paddedStretches(),
            columns.count(),
            dtype == DType.BF16 ? 1 : 0);
  }

  /**
   * Adds the kernel, and the one that computes flagged queries again.
   *
   * @param name of the first task; the second is called {@code Again} behind it
   * @param shape of the queries
   * @param dtype of queries and keys
   */
  static void addAttention(
      GraphTasks tasks,
      String name,
      AttentionShape shape,
      DType dtype,
      HalfFloatArray query,
      Blocks blocks,
      RegisterTiles tiles,
      Results results) {
    for (String task : new String[] {name, name + "Again"}) {
      tasks.groups(
          task,
          Math.toIntExact(tiles.room().tiles()),
          Math.multiplyExact(shape.heads(), shape.batch()),
          RegisterKernels.THREADS);
    }
    tasks
        .graph()
        .task(
            name,
            kernel(shape, dtype),
            new KernelContext(),
            query,
            blocks.keys(),
            blocks.values(),
            results.out(),
            results.logSumExp(),
            results.flags(),
            results.again(),
            tiles.tiles(),
            tiles.runs(),
            shape.tokens(),
            blocks.columns().count(),
            shape.heads(),
            shape.kvHeads(),
            (float) shape.scale())
        .task(
            name + "Again",
            kernelOfFlagged(shape, dtype),
            new KernelContext(),
            query,
            blocks.keys(),
            blocks.values(),
            results.out(),
            results.logSumExp(),
            results.flags(),
            tiles.tiles(),
            tiles.runs(),
            shape.tokens(),
            blocks.columns().count(),
            shape.heads(),
            shape.kvHeads(),
            (float) shape.scale());
  }

  private static Task15<
          KernelContext,
          HalfFloatArray,
          HalfFloatArray,
          HalfFloatArray,
          FloatArray,
          FloatArray,
          IntArray,
          IntArray,
          IntArray,
          IntArray,
          Integer,
          Integer,
          Integer,
          Integer,
          Float>
      kernel(AttentionShape shape, DType dtype) {
    if (shape.headDim() == 128) {
      return dtype == DType.BF16 ? RegisterKernels::bf16x128 : RegisterKernels::fp16x128;
    }
    return dtype == DType.BF16 ? RegisterKernels::bf16x64 : RegisterKernels::fp16x64;
  }

  private static Task14<
          KernelContext,
          HalfFloatArray,
          HalfFloatArray,
          HalfFloatArray,
          FloatArray,
          FloatArray,
          IntArray,
          IntArray,
          IntArray,
          Integer,
          Integer,
          Integer,
          Integer,
          Float>
      kernelOfFlagged(AttentionShape shape, DType dtype) {
    if (shape.headDim() == 128) {
      return dtype == DType.BF16 ? RegisterKernels::bf16x128Again : RegisterKernels::fp16x128Again;
    }
    return dtype == DType.BF16 ? RegisterKernels::bf16x64Again : RegisterKernels::fp16x64Again;
  }
}
