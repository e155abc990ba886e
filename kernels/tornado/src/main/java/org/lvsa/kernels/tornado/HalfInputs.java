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
 * Inputs in fp16 or bf16: keys and values are brought into blocks, values become fp16. Values that
 * fp16 cannot hold send all queries to the online kernel of {@link TensorCoreKernels}, behind a
 * task that transposes the keys.
 */
final class HalfInputs implements RegisterInputs {
  /** fp16 holds what is smaller than this, and twice it. */
  private static final float LARGEST_VALUE = 32768;

  /**
   * A head whose largest value is below this loses bits in fp16, which rounds to 2^-24 at best:
   * then more than 2^-14 of its largest value.
   */
  private static final float SMALLEST_LARGEST_VALUE = 0x1p-10f;

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
    return List.of(query, blocks.keys(), blocks.values());
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
    int tiles = blocks.columns().count() / BlockedLayouts.TILE;
    for (int head = 0; head < shape.batch() * shape.kvHeads(); head++) {
      if (!holds(RegisterTasks.highest(largest, head, tiles))) {
        return false;
      }
    }
    return true;
  }

  /** Whether fp16 holds the values of a head, given the largest absolute value. */
  private boolean holds(float highest) {
    if (dtype == DType.F16) {
      return highest <= Float.MAX_VALUE;
    }
    return highest == 0 || highest <= LARGEST_VALUE && highest >= SMALLEST_LARGEST_VALUE;
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
