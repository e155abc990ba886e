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
 * Inputs in float32, each number of which {@link SplitLayouts} divides into two of fp16. Where fp16
 * cannot hold them, {@link PortableKernel} computes with the numbers as they were given.
 */
final class FloatInputs implements RegisterInputs {
  /** fp16 holds what is smaller than this, and twice it. */
  private static final float LARGEST = 32768;

  /**
   * A head whose largest number is below this loses digits: two parts round to 2^-25 at best, which
   * then is more than 2^-19 of its largest number.
   */
  private static final float SMALLEST_LARGEST = 0x1p-6f;

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
  private record Tensor(String name, FloatArray numbers, FloatArray largest, int heads) {
    static Tensor allocate(String name, AttentionShape shape, int heads, long elements) {
      return new Tensor(
          name,
          new FloatArray(Math.toIntExact(elements)),
          new FloatArray(shape.batch() * heads * stretches(shape)),
          heads);
    }
  }

  FloatInputs(AttentionShape shape, RegisterProgram.Room room) {
    this.shape = shape;
    query = Tensor.allocate("query", shape, shape.heads(), shape.queryElements());
    key = Tensor.allocate("key", shape, shape.kvHeads(), shape.keyElements());
    value = Tensor.allocate("value", shape, shape.kvHeads(), shape.keyElements());
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
    return List.of(parts, blocks.keys(), blocks.values());
  }

  @Override
  public void prepare(GraphTasks tasks) {
    for (Tensor tensor : tensors()) {
      addLargest(tasks, tensor);
    }
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
            shape.headDim(),
            elements);
    RegisterTasks.addSplitBlocks(tasks, key.numbers(), value.numbers(), blocks);
  }

  private void addLargest(GraphTasks tasks, Tensor tensor) {
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
  }

  @Override
  public void attend(GraphTasks tasks, RegisterTiles tiles, RegisterTasks.Results results) {
    RegisterTasks.addAttention(tasks, "registers", shape, DType.F32, parts, blocks, tiles, results);
  }

  @Override
  public boolean fp16Holds() {
    for (Tensor tensor : tensors()) {
      for (int head = 0; head < shape.batch() * tensor.heads(); head++) {
        float highest = RegisterTasks.highest(tensor.largest(), head, stretches(shape));
        if (!(highest == 0 || highest <= LARGEST && highest >= SMALLEST_LARGEST)) {
          return false;
        }
      }
    }
    return true;
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
