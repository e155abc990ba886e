// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KeyRanges;

/** One of the kernels with its buffers and compiled code for one shape and type. */
sealed interface DeviceProgram extends AutoCloseable
    permits PortableProgram, TensorCoreProgram, RegisterProgram {

  /** The shape that the buffers are for. */
  AttentionShape shape();

  /** The type of query, key and value that the buffers are for. */
  DType dtype();

  /** How inputs get in and the output gets out. */
  Passage passage();

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

  /** Whether the buffers have room for a layout, given the groups of each of its matrices. */
  default boolean holds(List<List<KeyRanges>> groups) {
    QueryTiles tiles = tiles();
    return tiles.room().holds(TileRoom.forGroups(shape(), tiles.queriesPerTile(), groups));
  }

  /** Writes a layout to the arrays that the device reads it from. */
  default void fill(List<List<KeyRanges>> groups) {
    tiles().fill(shape(), groups);
  }

  /** Bytes of all buffers together. */
  long bytes();

  @Override
  default void close() {
    plan().close();
  }
}
