// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task15;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task16;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task17;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Tasks that run {@link RegisterKernels}: keys and values are brought into blocks, the kernel runs,
 * and queries that it flags are computed again.
 */
final class RegisterTasks {
  /** Scales of a head of float32: of values, keys, queries. */
  static final int SCALES = 3;

  private RegisterTasks() {}

  /**
   * Keys and values in blocks.
   *
   * @param shape of the keys
   * @param columns where tokens stand
   * @param keys as {@link BlockedLayouts#keys} or {@link SplitLayouts#keys} writes them
   * @param values as the same class writes them
   * @param scales what {@link BlockedLayouts#scales} writes of each head: of its values, and in two
   *     parts of its keys and its queries
   */
  record Blocks(
      AttentionShape shape,
      Columns columns,
      HalfFloatArray keys,
      HalfFloatArray values,
      FloatArray scales) {
    /**
     * Room for blocks.
     *
     * @param parts 16-bit numbers of a number
     */
    static Blocks allocate(AttentionShape shape, Columns columns, int parts) {
      long vectors = (long) shape.batch() * shape.kvHeads() * columns.count();
      return new Blocks(
          shape,
          columns,
          new HalfFloatArray(Math.toIntExact(vectors * parts * shape.headDim())),
          new HalfFloatArray(Math.toIntExact(valueElements(shape, columns, parts))),
          new FloatArray(shape.batch() * shape.heads() * (parts == 1 ? 1 : SCALES)));
    }

    /** Number of elements of the values, which have a block more than the keys. */
    static long valueElements(AttentionShape shape, Columns columns, int parts) {
      return (long) shape.batch()
          * shape.kvHeads()
          * columns.count()
          * RegisterKernels.valueElements(parts * shape.headDim());
    }
  }

  /** Receives the largest value of each tile of columns of each head. */
  static FloatArray largest(Blocks blocks) {
    AttentionShape shape = blocks.shape();
    int tiles = blocks.columns().count() / BlockedLayouts.TILE;
    return new FloatArray(shape.batch() * shape.kvHeads() * tiles);
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
   * @param largest as {@link #largest} makes it
   */
  static void addBlocks(
      GraphTasks tasks,
      String prefix,
      HalfFloatArray key,
      HalfFloatArray value,
      DType dtype,
      Blocks to,
      FloatArray largest) {
    AttentionShape shape = to.shape();
    Columns columns = to.columns();
    perTile(tasks, to, prefix + "Keys", prefix + "Values");
    int bf16 = dtype == DType.BF16 ? 1 : 0;
    Fp16Range range = Fp16Range.ofValues(dtype);
    tasks.groups(prefix + "Scales", 1, shape.batch() * shape.heads(), BlockedLayouts.THREADS);
    tasks.groups(
        prefix + "ScaledValues",
        BlockedLayouts.SCALING_GROUPS,
        shape.batch() * shape.kvHeads(),
        BlockedLayouts.THREADS);
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
            largest,
            shape.tokens(),
            shape.kvHeads(),
            shape.headDim(),
            columns.length(),
            columns.paddedLength(),
            columns.stretchTokens(),
            columns.paddedStretches(),
            columns.count(),
            bf16)
        .task(
            prefix + "Scales",
            BlockedLayouts::scales,
            new KernelContext(),
            largest,
            to.scales(),
            columns.count() / BlockedLayouts.TILE,
            shape.heads(),
            shape.kvHeads(),
            0,
            1,
            range.least(),
            range.most())
        .task(
            prefix + "ScaledValues",
            BlockedLayouts::scaledValues,
            new KernelContext(),
            value,
            to.values(),
            to.scales(),
            shape.heads() / shape.kvHeads(),
            shape.tokens(),
            shape.kvHeads(),
            shape.headDim(),
            columns.length(),
            columns.paddedLength(),
            columns.stretchTokens(),
            columns.paddedStretches(),
            columns.count(),
            bf16);
  }

  /** Adds the tasks that bring keys and values of float32 into blocks, in two parts. */
  static void addSplitBlocks(GraphTasks tasks, FloatArray key, FloatArray value, Blocks to) {
    int queryHeads = to.shape().heads() / to.shape().kvHeads();
    AttentionShape shape = to.shape();
    Columns columns = to.columns();
    perTile(tasks, to, "splitKeys", "splitValues");
    tasks
        .graph()
        .task(
            "splitKeys",
            SplitLayouts::keys,
            new KernelContext(),
            key,
            to.keys(),
            to.scales(),
            queryHeads,
            shape.tokens(),
            shape.kvHeads(),
            shape.headDim(),
            columns.length(),
            columns.paddedLength(),
            columns.stretchTokens(),
            columns.paddedStretches(),
            columns.count())
        .task(
            "splitValues",
            SplitLayouts::values,
            new KernelContext(),
            value,
            to.values(),
            to.scales(),
            queryHeads,
            shape.tokens(),
            shape.kvHeads(),
            shape.headDim(),
            columns.length(),
            columns.paddedLength(),
            columns.stretchTokens(),
            columns.paddedStretches(),
            columns.count());
  }

  /** Each task gets a work-group for each tile of columns of each head. */
  private static void perTile(GraphTasks tasks, Blocks to, String... names) {
    AttentionShape shape = to.shape();
    for (String name : names) {
      tasks.groups(
          name,
          to.columns().count() / BlockedLayouts.TILE,
          shape.batch() * shape.kvHeads(),
          BlockedLayouts.THREADS);
    }
  }

  /**
   * Adds the kernel, and the one that computes flagged queries again.
   *
   * @param name of the first task; the second is called {@code Again} behind it
   * @param shape of the queries
   * @param dtype of queries and keys, before they were divided into parts
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
    perTile(tasks, name, shape, dtype, tiles);
    tasks
        .graph()
        .task(
            name,
            kernel(shape, dtype, warps(tiles)),
            new KernelContext(),
            query,
            blocks.keys(),
            blocks.values(),
            blocks.scales(),
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
            (float) shape.scale());
    addFlagged(tasks, name, shape, dtype, query, blocks, tiles, results);
  }

  /**
   * Adds the kernel of int8, and the one that computes flagged queries again from numbers of 16
   * bits.
   *
   * @param dtype of queries and keys, before they were rounded
   * @param query as they were before
   * @param rounded queries and keys of int8
   * @param blocks the values, and the keys as they were before
   */
  static void addInt8Attention(
      GraphTasks tasks,
      AttentionShape shape,
      DType dtype,
      HalfFloatArray query,
      Int8Inputs.Rounded rounded,
      Blocks blocks,
      RegisterTiles tiles,
      Results results) {
    perTile(tasks, "int8", shape, dtype, tiles);
    tasks
        .graph()
        .task(
            "int8",
            int8Kernel(shape, warps(tiles)),
            new KernelContext(),
            rounded.query(),
            rounded.keys(),
            blocks.values(),
            blocks.scales(),
            results.out(),
            results.logSumExp(),
            results.flags(),
            results.again(),
            tiles.tiles(),
            tiles.runs(),
            rounded.queryNumbers(),
            rounded.keyScales(),
            shape.tokens(),
            blocks.columns().count(),
            shape.heads(),
            shape.kvHeads());
    addFlagged(tasks, "int8", shape, dtype, query, blocks, tiles, results);
  }

  /** The kernel of that name, and that of flagged queries, get work-groups for all tiles. */
  private static void perTile(
      GraphTasks tasks, String name, AttentionShape shape, DType dtype, RegisterTiles tiles) {
    for (String task : new String[] {name, name + "Again"}) {
      tasks.groups(
          task,
          Math.toIntExact(RegisterInputs.parts(dtype) * tiles.room().tiles()),
          Math.multiplyExact(shape.heads(), shape.batch()),
          tiles.room().threads());
    }
  }

  private static void addFlagged(
      GraphTasks tasks,
      String name,
      AttentionShape shape,
      DType dtype,
      HalfFloatArray query,
      Blocks blocks,
      RegisterTiles tiles,
      Results results) {
    tasks
        .graph()
        .task(
            name + "Again",
            kernelOfFlagged(shape, dtype, warps(tiles)),
            new KernelContext(),
            query,
            blocks.keys(),
            blocks.values(),
            blocks.scales(),
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

  private static int warps(RegisterTiles tiles) {
    return tiles.room().warps();
  }

  private static Task16<
          KernelContext,
          HalfFloatArray,
          HalfFloatArray,
          HalfFloatArray,
          FloatArray,
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
      kernel(AttentionShape shape, DType dtype, int warps) {
    boolean wide = shape.headDim() == 128;
    return switch (warps) {
      case 2 ->
          switch (dtype) {
            case BF16 -> wide ? RegisterKernels::bf16x128Of2 : RegisterKernels::bf16x64Of2;
            case F16 -> wide ? RegisterKernels::fp16x128Of2 : RegisterKernels::fp16x64Of2;
            case F32 -> wide ? RegisterKernels::f32x128Of2 : RegisterKernels::f32x64Of2;
          };
      case 4 ->
          switch (dtype) {
            case BF16 -> wide ? RegisterKernels::bf16x128Of4 : RegisterKernels::bf16x64Of4;
            case F16 -> wide ? RegisterKernels::fp16x128Of4 : RegisterKernels::fp16x64Of4;
            case F32 -> wide ? RegisterKernels::f32x128Of4 : RegisterKernels::f32x64Of4;
          };
      default ->
          switch (dtype) {
            case BF16 -> wide ? RegisterKernels::bf16x128 : RegisterKernels::bf16x64;
            case F16 -> wide ? RegisterKernels::fp16x128 : RegisterKernels::fp16x64;
            case F32 -> wide ? RegisterKernels::f32x128 : RegisterKernels::f32x64;
          };
    };
  }

  private static Task17<
          KernelContext,
          ByteArray,
          ByteArray,
          HalfFloatArray,
          FloatArray,
          FloatArray,
          FloatArray,
          IntArray,
          IntArray,
          IntArray,
          IntArray,
          FloatArray,
          FloatArray,
          Integer,
          Integer,
          Integer,
          Integer>
      int8Kernel(AttentionShape shape, int warps) {
    boolean wide = shape.headDim() == 128;
    return switch (warps) {
      case 2 -> wide ? RegisterKernels::int8x128Of2 : RegisterKernels::int8x64Of2;
      case 4 -> wide ? RegisterKernels::int8x128Of4 : RegisterKernels::int8x64Of4;
      default -> wide ? RegisterKernels::int8x128 : RegisterKernels::int8x64;
    };
  }

  private static Task15<
          KernelContext,
          HalfFloatArray,
          HalfFloatArray,
          HalfFloatArray,
          FloatArray,
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
      kernelOfFlagged(AttentionShape shape, DType dtype, int warps) {
    boolean wide = shape.headDim() == 128;
    return switch (warps) {
      case 2 ->
          switch (dtype) {
            case BF16 ->
                wide ? RegisterKernels::bf16x128AgainOf2 : RegisterKernels::bf16x64AgainOf2;
            case F16 -> wide ? RegisterKernels::fp16x128AgainOf2 : RegisterKernels::fp16x64AgainOf2;
            case F32 -> wide ? RegisterKernels::f32x128AgainOf2 : RegisterKernels::f32x64AgainOf2;
          };
      case 4 ->
          switch (dtype) {
            case BF16 ->
                wide ? RegisterKernels::bf16x128AgainOf4 : RegisterKernels::bf16x64AgainOf4;
            case F16 -> wide ? RegisterKernels::fp16x128AgainOf4 : RegisterKernels::fp16x64AgainOf4;
            case F32 -> wide ? RegisterKernels::f32x128AgainOf4 : RegisterKernels::f32x64AgainOf4;
          };
      default ->
          switch (dtype) {
            case BF16 -> wide ? RegisterKernels::bf16x128Again : RegisterKernels::bf16x64Again;
            case F16 -> wide ? RegisterKernels::fp16x128Again : RegisterKernels::fp16x64Again;
            case F32 -> wide ? RegisterKernels::f32x128Again : RegisterKernels::f32x64Again;
          };
    };
  }
}
