// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Inputs in fp16 or bf16: keys and values are brought into blocks, values become fp16. Those of a
 * head that fp16 cannot hold are multiplied by a power of two before, and the output is divided by
 * it. Values that are not finite, and those of a head with so wide a range that fp16 cannot hold
 * them so either, send all queries to the online kernel of {@link TensorCoreKernels}, behind a task
 * that transposes the keys.
 */
final class HalfInputs implements RegisterInputs {
  private final AttentionShape shape;
  private final DType dtype;
  private final TileRoom room;
  private final HalfFloatArray query;
  private final HalfFloatArray key;
  private final HalfFloatArray value;
  private final RegisterTasks.Blocks blocks;
  private final FloatArray largest;

  HalfInputs(AttentionShape shape, DType dtype, RegisterProgram.Room room) {
    this.shape = shape;
    this.dtype = dtype;
    this.room = room.tiles();
    query = new HalfFloatArray(Math.toIntExact(shape.queryElements()));
    key = new HalfFloatArray(Math.toIntExact(shape.keyElements()));
    value = new HalfFloatArray(TensorCoreProgram.valueElements(shape));
    blocks = RegisterTasks.Blocks.allocate(shape, room.columns(), 1);
    largest = RegisterTasks.largest(blocks);
  }

  @Override
  public List<TornadoNativeArray> given() {
    return List.of(query, key, value);
  }

  @Override
  public List<TornadoNativeArray> prepared() {
    return List.of(query, blocks.keys(), blocks.values(), blocks.scales());
  }

  @Override
  public void prepare(GraphTasks tasks) {
    RegisterTasks.addBlocks(tasks, "blocks", key, value, dtype, blocks, largest);
    tasks.graph().transferToHost(DataTransferMode.EVERY_EXECUTION, largest);
  }

  /** Query and key as they were given. */
  HalfFloatArray query() {
    return query;
  }

  HalfFloatArray key() {
    return key;
  }

  /** Keys and values in blocks. */
  RegisterTasks.Blocks blocks() {
    return blocks;
  }

  @Override
  public void attend(GraphTasks tasks, RegisterTiles tiles, RegisterTasks.Results results) {
    RegisterTasks.addAttention(tasks, "registers", shape, dtype, query, blocks, tiles, results);
  }

  @Override
  public boolean fp16Holds() {
    return Fp16Range.ofValues(dtype).holds(largest, shape.batch() * shape.kvHeads());
  }

  @Override
  public void addOther(GraphTasks tasks, QueryTiles tiles, RegisterTasks.Results results) {
    int columns = TensorCoreProgram.paddedTokens(shape, room);
    HalfFloatArray transposed =
        new HalfFloatArray(TensorCoreProgram.transposedElements(shape, columns));
    TensorCoreProgram.addTransposition(tasks, "keys", shape, key, transposed, columns);
    TensorCoreProgram.addOnline(
        tasks,
        shape,
        dtype,
        new TensorCoreProgram.Arrays(
            query, transposed, value, results.out(), results.logSumExp(), tiles, columns));
  }

  @Override
  public String otherName() {
    return TornadoKernel.rowName("tensorcore", dtype) + "-online";
  }
}
