// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Inputs of 16 bits whose queries and keys {@link Int8Layouts} rounds to int8 besides. The numbers
 * of 16 bits stay: flagged queries are computed again from them.
 */
final class Int8Inputs implements RegisterInputs {
  /**
   * The largest relative error of a query's output. Queries are computed in full if 2 % is
   * expected; chance may make one twice as wrong as is expected.
   */
  static final double ALLOWED_ERROR = 2 * Int8Layouts.LARGEST_ERROR;

  private final AttentionShape shape;
  private final DType dtype;
  private final HalfInputs halves;
  private final FloatArray sums;
  private final FloatArray means;
  private final FloatArray squares;
  private final FloatArray moments;
  private final Rounded rounded;

  /**
   * Queries and keys as {@link RegisterKernels} reads them.
   *
   * @param query {@code [batch, tokens, heads, headDim]}
   * @param keys as {@link Int8Layouts#keys} writes them; so are the scales
   * @param queryNumbers as {@link Int8Layouts#queries} writes them
   */
  record Rounded(ByteArray query, FloatArray queryNumbers, ByteArray keys, FloatArray keyScales) {}

  Int8Inputs(AttentionShape shape, DType dtype, HalfInputs halves) {
    this.shape = shape;
    this.dtype = dtype;
    this.halves = halves;
    int heads = keyHeads(shape);
    int columns = halves.blocks().columns().count();
    sums = new FloatArray(heads * stretches(shape) * shape.headDim());
    means = new FloatArray(heads * shape.headDim());
    squares = new FloatArray(heads * (columns / BlockedLayouts.TILE));
    moments = new FloatArray(2 * heads);
    rounded =
        new Rounded(
            new ByteArray(Math.toIntExact(shape.queryElements())),
            new FloatArray(Math.toIntExact(2 * shape.logSumExpElements())),
            new ByteArray(halves.blocks().keys().getSize()),
            new FloatArray(squares.getSize()));
  }

  private static int keyHeads(AttentionShape shape) {
    return shape.batch() * shape.kvHeads();
  }

  private static int stretches(AttentionShape shape) {
    return Math.ceilDiv(shape.tokens(), Int8Layouts.STRETCH);
  }

  /** Number of bytes that these inputs take besides those of 16 bits. */
  static long bytes(AttentionShape shape, Columns columns) {
    long heads = keyHeads(shape);
    return shape.queryElements()
        + 2 * shape.logSumExpElements() * Float.BYTES
        + heads * columns.count() * shape.headDim()
        + 2 * heads * (columns.count() / BlockedLayouts.TILE) * Float.BYTES
        + heads * (stretches(shape) + 1L) * shape.headDim() * Float.BYTES
        + 2 * heads * Float.BYTES;
  }

  /** Why inputs of a type cannot be rounded; empty if they can. */
  static Optional<String> unsupported(DType dtype) {
    return dtype == DType.F32
        ? Optional.of("int8 takes inputs of 16 bits: give --dtype f16 or --dtype bf16")
        : Optional.empty();
  }

  @Override
  public List<TornadoNativeArray> given() {
    return halves.given();
  }

  @Override
  public List<TornadoNativeArray> prepared() {
    return Stream.concat(
            halves.prepared().stream(),
            Stream.of(rounded.query(), rounded.queryNumbers(), rounded.keys(), rounded.keyScales()))
        .toList();
  }

  @Override
  public void prepare(GraphTasks tasks) {
    halves.prepare(tasks);
    int bf16 = dtype == DType.BF16 ? 1 : 0;
    addMeans(tasks, bf16);
    Columns columns = halves.blocks().columns();
    int tiles = columns.count() / BlockedLayouts.TILE;
    tasks.groups("int8Keys", tiles, keyHeads(shape), Int8Layouts.THREADS);
    tasks.groups("int8Moments", 1, keyHeads(shape), Int8Layouts.THREADS);
    tasks.groups(
        "int8Queries",
        Math.ceilDiv(shape.tokens(), Int8Layouts.QUERIES),
        shape.batch() * shape.heads(),
        Int8Layouts.THREADS);
    tasks
        .graph()
        .task(
            "int8Keys",
            Int8Layouts::keys,
            new KernelContext(),
            halves.key(),
            means,
            rounded.keys(),
            rounded.keyScales(),
            squares,
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
            "int8Moments",
            Int8Layouts::keyMoments,
            new KernelContext(),
            rounded.keyScales(),
            squares,
            moments,
            tiles)
        .task(
            "int8Queries",
            Int8Layouts::queries,
            new KernelContext(),
            halves.query(),
            means,
            moments,
            rounded.query(),
            rounded.queryNumbers(),
            shape.tokens(),
            shape.heads(),
            shape.kvHeads(),
            shape.headDim(),
            (float) shape.scale(),
            bf16);
  }

  private void addMeans(GraphTasks tasks, int bf16) {
    tasks.groups("int8Sums", stretches(shape), keyHeads(shape), Int8Layouts.THREADS);
    tasks.perThread("int8Means", means.getSize());
    tasks
        .graph()
        .task(
            "int8Sums",
            Int8Layouts::keySums,
            new KernelContext(),
            halves.key(),
            sums,
            shape.tokens(),
            shape.kvHeads(),
            shape.headDim(),
            bf16)
        .task(
            "int8Means",
            Int8Layouts::keyMeans,
            new KernelContext(),
            sums,
            means,
            shape.tokens(),
            shape.headDim(),
            means.getSize());
  }

  @Override
  public void attend(GraphTasks tasks, RegisterTiles tiles, RegisterTasks.Results results) {
    RegisterTasks.addInt8Attention(
        tasks, shape, dtype, halves.query(), rounded, halves.blocks(), tiles, results);
  }

  @Override
  public String suffix() {
    return "-int8";
  }

  @Override
  public boolean fp16Holds() {
    return halves.fp16Holds();
  }

  @Override
  public void addOther(GraphTasks tasks, QueryTiles tiles, RegisterTasks.Results results) {
    halves.addOther(tasks, tiles, results);
  }

  @Override
  public String otherName() {
    return halves.otherName();
  }
}
