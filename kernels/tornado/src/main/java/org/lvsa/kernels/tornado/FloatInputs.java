// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Inputs in float32, each number of which {@link SplitLayouts} divides into two of fp16. Heads
 * whose numbers are small, and values that are large, are multiplied by a power of two before.
 * Where fp16 cannot hold them so either, {@link PortableKernel} computes with the numbers as they
 * were given.
 */
final class FloatInputs implements RegisterInputs {
  private final AttentionShape shape;
  private final Tensor query;
  private final Tensor key;
  private final Tensor value;
  private final HalfFloatArray parts;
  private final RegisterTasks.Blocks blocks;

  /**
   * A tensor as it was given.
   *
   * @param name for tasks
   * @param largest the largest absolute value of each stretch of each head
   */
  private record Tensor(
      String name, FloatArray numbers, FloatArray largest, int heads, Fp16Range range) {
    static Tensor allocate(
        String name, AttentionShape shape, int heads, long elements, Fp16Range range) {
      return new Tensor(
          name,
          new FloatArray(Math.toIntExact(elements)),
          new FloatArray(shape.batch() * heads * stretches(shape)),
          heads,
          range);
    }
  }

  FloatInputs(AttentionShape shape, RegisterProgram.Room room) {
    this.shape = shape;
    query = Tensor.allocate("query", shape, shape.heads(), shape.queryElements(), Fp16Range.SCORES);
    key = Tensor.allocate("key", shape, shape.kvHeads(), shape.keyElements(), Fp16Range.SCORES);
    value =
        Tensor.allocate(
            "value", shape, shape.kvHeads(), shape.keyElements(), Fp16Range.ofValues(DType.F32));
    parts = new HalfFloatArray(Math.toIntExact(2 * shape.queryElements()));
    blocks = RegisterTasks.Blocks.allocate(shape, room.columns(), 2);
  }

  private static int stretches(AttentionShape shape) {
    return Math.ceilDiv(shape.tokens(), SplitLayouts.STRETCH);
  }

  private List<Tensor> tensors() {
    return List.of(query, key, value);
  }

  @Override
  public List<TornadoNativeArray> given() {
    return List.of(query.numbers(), key.numbers(), value.numbers());
  }

  @Override
  public List<TornadoNativeArray> prepared() {
    return List.of(parts, blocks.keys(), blocks.values(), blocks.scales());
  }

  @Override
  public void prepare(GraphTasks tasks) {
    addScales(tasks, value, 0);
    addScales(tasks, key, 1);
    addScales(tasks, query, 2);
    int elements = query.numbers().getSize();
    tasks.perThread("splitQuery", elements);
    tasks
        .graph()
        .task(
            "splitQuery",
            SplitLayouts::queries,
            new KernelContext(),
            query.numbers(),
            parts,
            blocks.scales(),
            shape.tokens(),
            shape.heads(),
            shape.headDim(),
            elements);
    RegisterTasks.addSplitBlocks(tasks, key.numbers(), value.numbers(), blocks);
  }

  /** Adds what finds each head's scale. */
  private void addScales(GraphTasks tasks, Tensor tensor, int place) {
    String name = tensor.name() + "Largest";
    tasks.groups(name, stretches(shape), shape.batch() * tensor.heads(), SplitLayouts.THREADS);
    tasks
        .graph()
        .task(
            name,
            SplitLayouts::largest,
            new KernelContext(),
            tensor.numbers(),
            tensor.largest(),
            shape.tokens(),
            tensor.heads(),
            shape.headDim())
        .transferToHost(DataTransferMode.EVERY_EXECUTION, tensor.largest());
    String scales = tensor.name() + "Scales";
    tasks.groups(scales, 1, shape.batch() * shape.heads(), BlockedLayouts.THREADS);
    tasks
        .graph()
        .task(
            scales,
            BlockedLayouts::scales,
            new KernelContext(),
            tensor.largest(),
            blocks.scales(),
            stretches(shape),
            shape.heads(),
            tensor.heads(),
            place,
            RegisterTasks.SCALES,
            tensor.range().least(),
            tensor.range().most());
  }

  @Override
  public void attend(GraphTasks tasks, RegisterTiles tiles, RegisterTasks.Results results) {
    RegisterTasks.addAttention(tasks, "registers", shape, DType.F32, parts, blocks, tiles, results);
  }

  @Override
  public boolean fp16Holds() {
    return tensors().stream()
        .allMatch(tensor -> tensor.range().holds(tensor.largest(), shape.batch() * tensor.heads()));
  }

  @Override
  public void addOther(GraphTasks tasks, QueryTiles tiles, RegisterTasks.Results results) {
    PortableProgram.addAttention(
        tasks,
        shape,
        new PortableProgram.Arrays(
            query.numbers(),
            key.numbers(),
            value.numbers(),
            results.out(),
            results.logSumExp(),
            tiles));
  }

  @Override
  public String otherName() {
    return TornadoKernel.rowName("portable", DType.F32);
  }
}
