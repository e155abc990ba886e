// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** One of the kernels with its buffers and compiled code for one shape and type. */
sealed interface DeviceProgram extends AutoCloseable permits PortableProgram, TensorCoreProgram {

  /** The shape that the buffers are for. */
  AttentionShape shape();

  /** The type of query, key and value that the buffers are for. */
  DType dtype();

  /** Copies the inputs to the host buffers that the device reads from. */
  void load(AttentionInputs inputs);

  /** Called when the inputs are on the device, before any run. */
  void inputsReady();

  /** The task graphs. */
  DevicePlan plan();

  /** The number of the plan's graph that fits the loaded inputs. */
  int attentionGraph();

  /** The kernel's name in result rows, with the path that the loaded inputs take. */
  String rowName();

  /** The layout as the device reads it. */
  QueryTiles tiles();

  /** Receives the output. */
  FloatArray out();

  /** Receives the log-sum-exps. */
  FloatArray logSumExp();

  /** Bytes of all buffers together. */
  long bytes();

  @Override
  default void close() {
    plan().close();
  }
}
