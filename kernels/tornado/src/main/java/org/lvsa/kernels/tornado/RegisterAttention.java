// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
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
final class RegisterAttention implements DeviceAttention<HalfFloatArray> {
  private final SixteenBits activations;
  private final AttentionShape shape;
  private final RegisterTasks.Results results;
  private final Keys self;
  private final Map<Cross, Keys> crosses = new EnumMap<>(Cross.class);

  /** How many tokens of the text attend together with the video's. */
  private final IntArray textCount = new IntArray(1);

  RegisterAttention(SixteenBits activations, Sizes sizes) {
    this.activations = activations;
    shape = sizes.self();
    results = RegisterTasks.Results.allocate(shape);
    RegisterProgram.Room room = RegisterProgram.Room.forFrames(shape, activations.dtype());
    self = Keys.of(shape, room.columns(), RegisterTiles.allocate(shape, room.register()));
    if (sizes.textTokens() > 0) {
      crosses.put(Cross.TEXT, cross(sizes.textTokens()));
    }
    if (sizes.pictureTokens() > 0) {
      crosses.put(Cross.PICTURES, cross(sizes.pictureTokens()));
    }
  }

  /** The other tokens as one frame: the kernels need to know how keys lie, not what they are. */
  private Keys cross(int tokens) {
    AttentionShape other =
        new AttentionShape(1, 1, tokens, 0, shape.heads(), shape.kvHeads(), shape.headDim());
    Columns columns = Columns.ofFrames(other);
    return Keys.of(other, columns, crossTiles(shape, columns));
  }

  /**
   * All queries of a sequence against other keys, those of a text: one group that never changes.
   */
  private static RegisterTiles crossTiles(AttentionShape queries, Columns keys) {
    KeyRanges all =
        new KeyRanges(0, queries.tokens(), new int[] {0}, new int[] {keys.stretchTokens()});
    List<RegisterPlan> plans =
        RegisterPlan.of(keys, List.of(List.of(all)), RegisterPlan.MOST_WARPS).orElseThrow();
    int[] numbers = plans.getFirst().tiles();
    for (int tile = 0; tile < plans.getFirst().tileCount(); tile++) {
      // A query of the video has no key of its own in the text: the first tile stands for it.
      numbers[tile * RegisterKernels.tileNumbers(RegisterPlan.MOST_WARPS) + 2] = 0;
    }
    RegisterTiles made = RegisterTiles.allocate(queries, RegisterTiles.Room.forPlans(plans));
    made.fill(queries, plans);
    return made;
  }

  /**
   * Keys and values in blocks, and which of them each query attends to.
   *
   * @param largest receives the largest values, which nobody asks for here
   */
  private record Keys(RegisterTasks.Blocks blocks, FloatArray largest, RegisterTiles tiles) {
    static Keys of(AttentionShape shape, Columns columns, RegisterTiles tiles) {
      RegisterTasks.Blocks blocks = RegisterTasks.Blocks.allocate(shape, columns, 1);
      return new Keys(blocks, RegisterTasks.largest(blocks), tiles);
    }
  }

  @Override
  public String kernel() {
    return "tensorcore-" + activations.dtype().name().toLowerCase(Locale.ROOT) + "-registers";
  }

  @Override
  public boolean holds(BlockSparseLayout layout) {
    return true;
  }

  @Override
  public void fill(BlockSparseLayout layout, int textTokens) {
    // Whole tiles of keys; rows that are not there are like the padding behind a stretch.
    int tiles = Math.ceilDiv(textTokens, RegisterKernels.KEYS) * RegisterKernels.KEYS;
    int rows = Math.min(tiles, shape.textTokens());
    textCount.set(0, textTokens);
    List<List<KeyRanges>> groups = QueryTiles.groups(shape.withText(rows), layout);
    self.tiles.fill(
        shape,
        RegisterPlan.of(self.blocks.columns(), groups, RegisterPlan.MOST_WARPS).orElseThrow());
  }

  @Override
  public List<IntArray> layout() {
    return shape.textTokens() > 0
        ? List.of(self.tiles.tiles(), self.tiles.runs(), textCount)
        : List.of(self.tiles.tiles(), self.tiles.runs());
  }

  @Override
  public List<IntArray> constants() {
    List<IntArray> all = new ArrayList<>(List.of(results.again()));
    for (Keys one : crosses.values()) {
      all.addAll(List.of(one.tiles.tiles(), one.tiles.runs()));
    }
    return all;
  }

  @Override
  public HalfFloatArray values() {
    return new HalfFloatArray(TensorCoreProgram.valueElements(shape));
  }

  @Override
  public HalfFloatArray values(Cross what) {
    return new HalfFloatArray(TensorCoreProgram.valueElements(crosses.get(what).blocks.shape()));
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
    return new Activations.Tokens(
        results.out(), shape.tokens(), shape.heads() * shape.headDim(), 0);
  }

  private void add(
      GraphTasks tasks,
      String prefix,
      Keys of,
      HalfFloatArray query,
      HalfFloatArray key,
      HalfFloatArray value) {
    boolean text = of == self && shape.textTokens() > 0;
    if (text) {
      repeatLast(tasks, key);
    }
    RegisterTasks.addBlocks(
        tasks, prefix + "Attention", key, value, activations.dtype(), of.blocks(), of.largest());
    if (text) {
      hideRest(tasks, of.blocks());
    }
    RegisterTasks.addAttention(
        tasks,
        prefix + "Attention",
        shape,
        activations.dtype(),
        query,
        of.blocks(),
        of.tiles(),
        results);
  }

  private void repeatLast(GraphTasks tasks, HalfFloatArray key) {
    int width = shape.kvHeads() * shape.headDim();
    int size = shape.textTokens() * width;
    tasks.perThread("attentionRepeatLast", size);
    tasks
        .graph()
        .task(
            "attentionRepeatLast",
            BlockedLayouts::repeatLast,
            new KernelContext(),
            key,
            textCount,
            Math.multiplyExact(shape.videoTokens(), width),
            width,
            size);
  }

  private void hideRest(GraphTasks tasks, RegisterTasks.Blocks blocks) {
    Columns columns = blocks.columns();
    int elements = RegisterKernels.valueElements(shape.headDim());
    int size =
        Math.multiplyExact(
            shape.kvHeads() * (columns.count() - columns.paddedStretches()), elements);
    tasks.perThread("attentionHideRest", size);
    tasks
        .graph()
        .task(
            "attentionHideRest",
            BlockedLayouts::hideRest,
            new KernelContext(),
            blocks.values(),
            textCount,
            columns.count(),
            columns.paddedStretches(),
            elements,
            size);
  }

  @Override
  public FloatArray scratch() {
    return results.out();
  }
}
