// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.tornado.VectorMoves.Run;
import org.lvsa.kernels.tornado.VectorMoves.Runs;
import org.lvsa.kernels.tornado.VectorMoves.Vectors;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.HalfFloat;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Copies of fp16 in units of four bytes, which PoCL has not: a CUDA device, or the emulator. */
@Tag("gpu")
class HalfMovesTest {
  private static final int HEADS = 3;
  private static final int HEAD_DIM = 8;
  private static final int TOKENS = 700;
  private static final int SLOT_TOKENS = 400;

  @Test
  void runsOfTokensGoHeadsFirstAndBack() {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    assumeTrue(TornadoTarget.chosen().tensorCores(), "left out: no CUDA device");
    HalfFloatArray tokens = new HalfFloatArray(TOKENS * HEADS * HEAD_DIM);
    for (int i = 0; i < tokens.getSize(); i++) {
      tokens.set(i, new HalfFloat(i % 2000));
    }
    HalfFloatArray slots = new HalfFloatArray(2 * HEADS * SLOT_TOKENS * HEAD_DIM);
    HalfFloatArray back = new HalfFloatArray(tokens.getSize());
    Runs runs = new Runs(new IntArray(3 + Runs.size(2)), 3, 399);
    runs.fill(List.of(new Run(0, 1, 300, 399), new Run(1, 0, 5, 10)));
    GridScheduler grids = new GridScheduler();
    GraphTasks tasks = GraphTasks.of("moves", TornadoTarget.chosen(), grids);
    tasks
        .graph()
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, tokens, slots, back, runs.numbers());
    VectorMoves<HalfFloatArray> moves = new HalfActivations().moves();
    Vectors vectors = new Vectors(HEADS, SLOT_TOKENS, HEAD_DIM);
    moves.gather(tasks, "there", runs, tokens, slots, vectors);
    moves.scatter(tasks, "back", runs, slots, back, vectors);
    tasks.graph().transferToHost(DataTransferMode.EVERY_EXECUTION, slots, back);
    try (DevicePlan plan = new DevicePlan(grids, DevicePlan.UNLIMITED, tasks.graph())) {
      plan.attention(0);
    }
    int vector = HEADS * HEAD_DIM;
    for (int i = 0; i < tokens.getSize(); i++) {
      int token = i / vector;
      boolean moved = token >= 300 && token < 699 || token >= 5 && token < 15;
      assertEquals(moved ? i % 2000 : 0, back.get(i).getFloat32(), "token " + token);
    }
    int head = 2;
    int first = (head * SLOT_TOKENS + 1) * HEAD_DIM;
    assertEquals((300 * vector + head * HEAD_DIM + 3) % 2000, slots.get(first + 3).getFloat32());
  }
}
