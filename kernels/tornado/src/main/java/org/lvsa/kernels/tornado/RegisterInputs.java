// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Query, key and value of a {@link RegisterProgram}: how the device brings them to what {@link
 * RegisterKernels} reads, and the kernel that runs where fp16 cannot hold them.
 */
sealed interface RegisterInputs permits HalfInputs, FloatInputs {
  /** Inputs of a type, with room for one set of them. */
  static RegisterInputs of(AttentionShape shape, DType dtype, RegisterProgram.Room room) {
    return dtype == DType.F32 ? new FloatInputs(shape, room) : new HalfInputs(shape, dtype, room);
  }

  /** Number of 16-bit numbers that one number becomes. */
  static int parts(DType dtype) {
    return dtype == DType.F32 ? 2 : 1;
  }

  /** The queries of a tile of the other kernel. */
  static int otherQueries(DType dtype) {
    return dtype == DType.F32 ? PortableKernel.QUERIES : TensorCoreKernels.QUERIES;
  }

  /** Query, key and value as the caller gives them. */
  List<TornadoNativeArray> given();

  /** The queries as {@link RegisterKernels} reads them. */
  HalfFloatArray query();

  /** Keys and values as {@link RegisterKernels} reads them. */
  RegisterTasks.Blocks blocks();

  /** Adds the tasks that make {@link #query} and {@link #blocks} of what was given. */
  void prepare(GraphTasks tasks);

  /** Whether fp16 holds the inputs that the device prepared last. */
  boolean fp16Holds();

  /** Adds the kernel that runs where fp16 does not. */
  void addOther(GraphTasks tasks, QueryTiles tiles, RegisterTasks.Results results);

  /** The name of that kernel in result rows. */
  String otherName();
}
