// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.AttentionBackend.Availability;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

class WeightCopiesTest {
  private static final int FIRST = 2;
  private static final int BLOCKS = 3;

  /** Tensors of one size, and one of another, of a block that is there and of one that is not. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5})
  void aBlocksTensorsAreCopied(int count) {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    for (int block : new int[] {FIRST + 1, FIRST + BLOCKS}) {
      List<FloatArray> from = new ArrayList<>();
      List<FloatArray> to = new ArrayList<>();
      for (int tensor = 0; tensor <= count; tensor++) {
        int size = size(tensor, count);
        from.add(new FloatArray(BLOCKS * size));
        to.add(new FloatArray(size));
        for (int i = 0; i < BLOCKS * size; i++) {
          from.get(tensor).set(i, 10_000 * tensor + i);
        }
        to.get(tensor).init(-1f);
      }
      copy(block, from, to, false);
      for (int tensor = 0; tensor <= count; tensor++) {
        int size = size(tensor, count);
        for (int i = 0; i < size; i++) {
          float expected = block < FIRST + BLOCKS ? 10_000 * tensor + size + i : -1;
          assertEquals(expected, to.get(tensor).get(i), "tensor " + tensor + " at " + i);
        }
      }
    }
  }

  private static int size(int tensor, int count) {
    return tensor == count ? 7 : 1301;
  }

  /** More tensors than one task brings, of several sizes; fp16's pairs are words too. */
  @Test
  void smallTensorsOfTheHostAreBroughtTogether() {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    int[] sizes = {5, 1, 1301, 7, 300, 2, 64, 33, 9, 10, 11, 12, 1500};
    List<FloatArray> from = new ArrayList<>();
    List<FloatArray> to = new ArrayList<>();
    for (int size : sizes) {
      FloatArray all = new FloatArray(BLOCKS * size);
      for (int i = 0; i < all.getSize(); i++) {
        all.set(i, 10_000 * from.size() + i);
      }
      from.add(all);
      to.add(new FloatArray(size));
    }
    copy(1, from, to, true);
    for (int tensor = 0; tensor < sizes.length; tensor++) {
      for (int i = 0; i < sizes[tensor]; i++) {
        float expected = 10_000 * tensor + sizes[tensor] + i;
        assertEquals(expected, to.get(tensor).get(i), "tensor " + tensor + " at " + i);
      }
    }
  }

  private static void copy(
      int block, List<FloatArray> from, List<FloatArray> to, boolean fromHost) {
    IntArray number = new IntArray(1);
    number.set(0, block);
    GridScheduler grids = new GridScheduler();
    GraphTasks tasks = GraphTasks.of("copies", TornadoTarget.chosen(), grids);
    if (!fromHost) {
      tasks.graph().transferToDevice(DataTransferMode.EVERY_EXECUTION, from.toArray());
    }
    tasks.graph().transferToDevice(DataTransferMode.EVERY_EXECUTION, to.toArray());
    tasks.graph().transferToDevice(DataTransferMode.EVERY_EXECUTION, number);
    WeightCopies copies = new WeightCopies(fromHost);
    for (int i = 0; i < from.size(); i++) {
      WeightPart<FloatArray> part =
          new WeightPart<>(from.get(i), fromHost ? 0 : FIRST, BLOCKS, to.get(i).getSize());
      copies.add("copy" + i, part, to.get(i), Float.BYTES);
    }
    copies.addTo(tasks, number);
    tasks.graph().transferToHost(DataTransferMode.EVERY_EXECUTION, to.toArray());
    try (DevicePlan plan = new DevicePlan(grids, DevicePlan.UNLIMITED, tasks.graph())) {
      plan.execute(0);
    }
  }

  /** An odd number of 16-bit numbers is no whole number of words. */
  @Test
  void wordsHaveFourBytes() {
    assertTrue(WeightCopies.takes(8));
    assertFalse(WeightCopies.takes(6));
  }
}
