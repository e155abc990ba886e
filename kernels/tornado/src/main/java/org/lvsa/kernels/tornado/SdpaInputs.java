// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelFailedException;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * Query, key and value on their way to a library's attention: the device brings them heads first,
 * repeats keys and values that query heads share, and turns bf16 into fp16, four numbers per word.
 */
final class SdpaInputs {
  /** A number below this loses digits in the fp16 output of an average over many keys. */
  private static final float LARGE = 0x1p-8f;

  private static final float LARGEST_HALF = 65504;

  private final AttentionShape shape;
  private final DType dtype;
  private final LongArray[] given;
  private final LongArray query;
  private final LongArray key;
  private final LongArray value;

  /** For query, key and value in turn: too large for fp16, large enough, not zero. */
  private final IntArray flags = new IntArray(9);

  SdpaInputs(AttentionShape shape, DType dtype) {
    this.shape = shape;
    this.dtype = dtype;
    int queryWords = words(shape.queryElements());
    int keyWords = words(shape.keyElements());
    given =
        new LongArray[] {
          new LongArray(queryWords), new LongArray(keyWords), new LongArray(keyWords)
        };
    query = new LongArray(queryWords);
    key = new LongArray(queryWords);
    value = new LongArray(queryWords);
  }

  /** Number of words that hold so many halves. */
  static int words(long elements) {
    return Math.toIntExact(elements / 4);
  }

  /** Number of bytes of these buffers. */
  static long bytes(AttentionShape shape, DType dtype) {
    long table = dtype == DType.BF16 ? Integer.BYTES << 16 : 0;
    return DType.F16.bytes() * (4 * shape.queryElements() + 2 * shape.keyElements()) + table;
  }

  /** {@code [batch, heads, tokens, headDim]}; so are key and value. */
  LongArray query() {
    return query;
  }

  LongArray key() {
    return key;
  }

  LongArray value() {
    return value;
  }

  /** Adds what brings the inputs to the device. */
  void add(GraphTasks tasks) {
    TaskGraph graph = tasks.graph();
    graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, (Object[]) given);
    if (dtype == DType.F16) {
      headsFirst(tasks, "query", given[0], query, shape.heads());
      headsFirst(tasks, "key", given[1], key, shape.kvHeads());
      headsFirst(tasks, "value", given[2], value, shape.kvHeads());
      return;
    }
    IntArray table = table();
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, table);
    graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, flags);
    narrow(tasks, "query", given[0], query, table, 0, shape.heads());
    narrow(tasks, "key", given[1], key, table, 3, shape.kvHeads());
    narrow(tasks, "value", given[2], value, table, 6, shape.kvHeads());
    graph.transferToHost(DataTransferMode.EVERY_EXECUTION, flags);
  }

  private void headsFirst(
      GraphTasks tasks, String name, LongArray from, LongArray to, int fromHeads) {
    tasks.perThread(name, to.getSize());
    tasks
        .graph()
        .task(
            name,
            SdpaKernels::headsFirst,
            new KernelContext(),
            from,
            to,
            shape.tokens(),
            fromHeads,
            shape.heads(),
            shape.headDim() / 4,
            to.getSize());
  }

  private void narrow(
      GraphTasks tasks,
      String name,
      LongArray from,
      LongArray to,
      IntArray table,
      int flag,
      int fromHeads) {
    tasks.perThread(name, to.getSize());
    tasks
        .graph()
        .task(
            name,
            SdpaKernels::narrow,
            new KernelContext(),
            from,
            to,
            table,
            flags,
            flag,
            shape.tokens(),
            fromHeads,
            shape.heads(),
            shape.headDim() / 4,
            to.getSize());
  }

  /**
   * For every bf16 the bits of the nearest fp16, and what {@link SdpaKernels#narrow} is to flag.
   */
  private static IntArray table() {
    IntArray table = new IntArray(1 << 16);
    for (int bits = 0; bits < table.getSize(); bits++) {
      float number = DType.bfloat16ToFloat((short) bits);
      float size = Math.abs(number);
      int entry = Short.toUnsignedInt(Float.floatToFloat16(number));
      if (size > LARGEST_HALF && Float.isFinite(number)) {
        entry |= SdpaKernels.TOO_LARGE;
      }
      if (!(size < LARGE)) {
        entry |= SdpaKernels.LARGE;
      }
      if (size != 0) {
        entry |= SdpaKernels.NOT_ZERO;
      }
      table.set(bits, entry);
    }
    return table;
  }

  /** Copies the inputs to the host buffers that the device reads from. */
  void load(AttentionInputs inputs) {
    Passage.copy(inputs.query(), given[0]);
    Passage.copy(inputs.key(), given[1]);
    Passage.copy(inputs.value(), given[2]);
    flags.init(0);
  }

  /**
   * Checks what the device flagged when it brought the inputs to fp16.
   *
   * @throws KernelFailedException if fp16 cannot hold them
   */
  void check() {
    String[] tensors = {"query", "key", "value"};
    for (int tensor = 0; tensor < tensors.length; tensor++) {
      if (flags.get(3 * tensor) != 0) {
        throw new KernelFailedException(
            "fp16, which the library computes with, does not hold the bf16 "
                + tensors[tensor]
                + ": it has numbers beyond 65504");
      }
    }
    if (flags.get(8) != 0 && flags.get(7) == 0) {
      throw new KernelFailedException(
          "fp16, which the library computes with, would lose digits of the bf16 value: all its"
              + " numbers are below "
              + LARGE);
    }
  }
}
