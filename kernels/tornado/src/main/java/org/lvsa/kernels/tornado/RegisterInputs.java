// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.Precision;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Query, key and value of a {@link RegisterProgram}: how the device brings them to what {@link
 * RegisterKernels} reads, and the kernel that runs where fp16 cannot hold them.
 */
sealed interface RegisterInputs permits HalfInputs, Int8Inputs, FloatInputs {
  /** Inputs of a type, with room for one set of them. */
  static RegisterInputs of(
      AttentionShape shape, DType dtype, Precision precision, RegisterProgram.Room room) {
    if (dtype == DType.F32) {
      return new FloatInputs(shape, room);
    }
    HalfInputs halves = new HalfInputs(shape, dtype, room);
    return precision == Precision.INT8 ? new Int8Inputs(shape, dtype, halves) : halves;
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

  /** What the kernels read of what {@link #prepare} made. */
  List<TornadoNativeArray> prepared();

  /** Adds the tasks that make {@link #prepared} of what was given. */
  void prepare(GraphTasks tasks);

  /** Adds the kernel, and the one that computes flagged queries again. */
  void attend(GraphTasks tasks, RegisterTiles tiles, RegisterTasks.Results results);

  /** What the kernel's name ends with in result rows. */
  default String suffix() {
    return "-registers";
  }

  /** Whether fp16 holds the inputs that the device prepared last. */
  boolean fp16Holds();

  /** Adds the kernel that runs where fp16 does not. */
  void addOther(GraphTasks tasks, QueryTiles tiles, RegisterTasks.Results results);

  /** The name of that kernel in result rows. */
  String otherName();
}
