// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KeyRanges;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link RegisterKernels} on a block's own buffers: keys and values are brought into blocks, the
 * kernel runs, and queries that it flags are computed again. Values that are not finite give a
 * result that is not finite, which the caller of the transformer meets.
 */
final class RegisterAttention implements Activations.DeviceAttention<HalfFloatArray> {
  private final HalfActivations activations;
  private final AttentionShape shape;
  private final FloatArray out;
  private final FloatArray logSumExp;
  private final IntArray flags;
  private final IntArray again = new IntArray(1);
  private final Keys self;
  private final Map<Cross, Keys> crosses = new EnumMap<>(Cross.class);

  RegisterAttention(HalfActivations activations, Sizes sizes) {
    this.activations = activations;
    shape = sizes.self();
    out = new FloatArray(Math.toIntExact(shape.queryElements()));
    logSumExp = new FloatArray(Math.toIntExact(shape.logSumExpElements()));
    flags = new IntArray(Math.toIntExact(shape.logSumExpElements()));
    RegisterProgram.Room room = RegisterProgram.Room.forFrames(shape);
    self =
        new Keys(
            shape,
            room.columns(),
            RegisterTiles.allocate(shape, room.register()),
            QueryTiles.allocate(shape, TensorCoreKernels.QUERIES, room.tiles()));
    crosses.put(Cross.TEXT, cross(sizes.textTokens()));
    if (sizes.pictureTokens() > 0) {
      crosses.put(Cross.PICTURES, cross(sizes.pictureTokens()));
    }
  }

  /** The other tokens as one frame: the kernels need to know how keys lie, not what they are. */
  private Keys cross(int tokens) {
    AttentionShape other =
        new AttentionShape(1, 1, tokens, 0, shape.heads(), shape.kvHeads(), shape.headDim());
    Columns columns = Columns.ofFrames(other);
    return new Keys(
        other,
        columns,
        crossTiles(shape, columns),
        QueryTiles.cross(shape, TensorCoreKernels.QUERIES, tokens));
  }

  /**
   * All queries of a sequence against other keys, those of a text: one group that never changes.
   */
  private static RegisterTiles crossTiles(AttentionShape queries, Columns keys) {
    KeyRanges all =
        new KeyRanges(0, queries.tokens(), new int[] {0}, new int[] {keys.stretchTokens()});
    List<RegisterPlan> plans = RegisterPlan.of(keys, List.of(List.of(all))).orElseThrow();
    int[] numbers = plans.getFirst().tiles();
    for (int tile = 0; tile < plans.getFirst().tileCount(); tile++) {
      // A query of the video has no key of its own in the text: the first tile stands for it.
      numbers[tile * RegisterKernels.TILE_NUMBERS + 2] = 0;
    }
    RegisterTiles made = RegisterTiles.allocate(queries, RegisterTiles.Room.forPlans(plans));
    made.fill(queries, plans);
    return made;
  }

  /** Keys and values in blocks, and which of them each query attends to. */
  private static final class Keys {
    private final AttentionShape shape;
    private final Columns columns;
    private final RegisterTiles tiles;
    private final QueryTiles flagged;
    private final HalfFloatArray transposed;
    private final HalfFloatArray keys;
    private final HalfFloatArray values;
    private final FloatArray largest;

    Keys(AttentionShape shape, Columns columns, RegisterTiles tiles, QueryTiles flagged) {
      this.shape = shape;
      this.columns = columns;
      this.tiles = tiles;
      this.flagged = flagged;
      int count = columns.count();
      transposed =
          new HalfFloatArray(
              TensorCoreProgram.transposedElements(shape, QueryTiles.paddedTokens(shape)));
      keys = new HalfFloatArray(Math.toIntExact((long) shape.kvHeads() * count * shape.headDim()));
      values =
          new HalfFloatArray(
              Math.toIntExact(
                  (long) shape.kvHeads() * count * RegisterKernels.valueElements(shape.headDim())));
      largest = new FloatArray(shape.kvHeads() * (count / BlockedLayouts.TILE));
    }
  }

  @Override
  public String kernel() {
    return "tensorcore-f16-registers";
  }

  @Override
  public void fill(BlockSparseLayout layout) {
    List<List<KeyRanges>> groups = QueryTiles.groups(shape, layout);
    self.tiles.fill(shape, RegisterPlan.of(self.columns, groups).orElseThrow());
    self.flagged.fill(shape, groups);
  }

  @Override
  public List<IntArray> layout() {
    return List.of(
        self.tiles.tiles(), self.tiles.runs(), self.flagged.tiles(), self.flagged.runs());
  }

  @Override
  public List<IntArray> constants() {
    List<IntArray> all = new ArrayList<>(List.of(again));
    for (Keys one : crosses.values()) {
      all.addAll(
          List.of(one.tiles.tiles(), one.tiles.runs(), one.flagged.tiles(), one.flagged.runs()));
    }
    return all;
  }

  @Override
  public HalfFloatArray values() {
    return new HalfFloatArray(TensorCoreProgram.valueElements(shape));
  }

  @Override
  public HalfFloatArray values(Cross what) {
    return new HalfFloatArray(TensorCoreProgram.valueElements(crosses.get(what).shape));
  }

  @Override
  public HalfFloatArray self(
      GraphTasks tasks,
      HalfFloatArray query,
      HalfFloatArray key,
      HalfFloatArray value,
      HalfFloatArray to) {
    add(tasks, "", self, query, key, value);
    activations.narrow(tasks, "attentionOut", queries(), to);
    return to;
  }

  @Override
  public void cross(
      GraphTasks tasks,
      Cross what,
      HalfFloatArray query,
      HalfFloatArray key,
      HalfFloatArray value,
      HalfFloatArray to) {
    String prefix = what == Cross.TEXT ? "cross" : "picture";
    add(tasks, prefix, crosses.get(what), query, key, value);
    activations.narrow(tasks, prefix + "AttentionOut", queries(), to);
  }

  private Activations.Tokens queries() {
    return new Activations.Tokens(out, shape.tokens(), shape.heads() * shape.headDim(), 0);
  }

  private void add(
      GraphTasks tasks,
      String prefix,
      Keys of,
      HalfFloatArray query,
      HalfFloatArray key,
      HalfFloatArray value) {
    Columns columns = of.columns;
    int transposedColumns = QueryTiles.paddedTokens(of.shape);
    tasks.groups(
        prefix + "AttentionTransposed",
        Math.ceilDiv(transposedColumns, Layouts.TILE),
        of.shape.kvHeads() * of.shape.headDim() / Layouts.TILE,
        Layouts.THREADS);
    tasks.groups(
        prefix + "AttentionKeys",
        columns.count() / BlockedLayouts.TILE,
        of.shape.kvHeads(),
        BlockedLayouts.THREADS);
    tasks.groups(
        prefix + "AttentionValues",
        columns.count() / BlockedLayouts.TILE,
        of.shape.kvHeads(),
        BlockedLayouts.THREADS);
    tasks.groups(
        prefix + "Attention",
        Math.toIntExact(of.tiles.room().tiles()),
        shape.heads(),
        RegisterKernels.THREADS);
    tasks.groups(
        prefix + "AttentionAgain",
        Math.toIntExact(of.flagged.room().tiles()),
        shape.heads(),
        TensorCoreKernels.THREADS);
    tasks
        .graph()
        .task(
            prefix + "AttentionTransposed",
            Layouts::transposeKeys,
            new KernelContext(),
            key,
            of.transposed,
            of.shape.tokens(),
            of.shape.kvHeads(),
            of.shape.headDim(),
            of.shape.patchesPerFrame(),
            QueryTiles.paddedPatches(of.shape),
            of.shape.videoTokens(),
            of.shape.latentFrames() * QueryTiles.paddedPatches(of.shape),
            transposedColumns,
            transposedColumns)
        .task(
            prefix + "AttentionKeys",
            BlockedLayouts::keys,
            new KernelContext(),
            key,
            of.keys,
            of.shape.tokens(),
            of.shape.kvHeads(),
            of.shape.headDim(),
            columns.length(),
            columns.paddedLength(),
            columns.stretchTokens(),
            columns.paddedStretches(),
            columns.count())
        .task(
            prefix + "AttentionValues",
            BlockedLayouts::values,
            new KernelContext(),
            value,
            of.values,
            of.largest,
            of.shape.tokens(),
            of.shape.kvHeads(),
            of.shape.headDim(),
            columns.length(),
            columns.paddedLength(),
            columns.stretchTokens(),
            columns.paddedStretches(),
            columns.count(),
            0)
        .task(
            prefix + "Attention",
            RegisterKernels::fp16x128,
            new KernelContext(),
            query,
            of.keys,
            of.values,
            out,
            logSumExp,
            flags,
            again,
            of.tiles.tiles(),
            of.tiles.runs(),
            shape.tokens(),
            columns.count(),
            shape.heads(),
            shape.kvHeads(),
            (float) shape.scale())
        .task(
            prefix + "AttentionAgain",
            TensorCoreKernels::fp16x128flagged,
            new KernelContext(),
            query,
            of.transposed,
            value,
            out,
            logSumExp,
            of.flagged.tiles(),
            of.flagged.runs(),
            flags,
            shape.tokens(),
            transposedColumns,
            shape.heads(),
            shape.kvHeads(),
            (float) shape.scale());
  }

  @Override
  public FloatArray scratch() {
    return out;
  }
}
