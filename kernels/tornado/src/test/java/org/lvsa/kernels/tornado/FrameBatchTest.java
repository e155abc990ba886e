// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.RandomProblem;

class FrameBatchTest {
  /**
   * Plays the moves on the host: whatever the layout, each frame is computed once, and its slot
   * then holds the keys of its row and the text of its sequence, each once.
   */
  @Test
  void everyFrameIsComputedOnceWithItsKeys() {
    SplittableRandom random = KernelConformance.random();
    for (int trial = 0; trial < 50; trial++) {
      AttentionShape shape =
          new AttentionShape(
              1 + random.nextInt(2), 1 + random.nextInt(30), 4, random.nextInt(2) * 3, 1, 1, 8);
      BlockSparseLayout layout =
          RandomProblem.layout(shape.latentFrames(), random.nextDouble(), random);
      int most = 1 + random.nextInt(9);
      Set<String> computed = new HashSet<>();
      for (FrameBatch batch : FrameBatch.of(shape, layout, most)) {
        assertTrue(batch.slots() <= most);
        int slotTokens = batch.keyFrames() * 4 + shape.textTokens();
        String[][] held = new String[batch.slots()][slotTokens];
        for (FrameBatch.Round round : batch.rounds()) {
          play(round.moves(), held);
          for (int slot = 0; slot < batch.slots(); slot++) {
            int sequence = round.queries()[2 * slot];
            int first = round.queries()[2 * slot + 1];
            if (first != FrameBatch.IDLE) {
              assertEquals(0, first % 4);
              assertTrue(computed.add(sequence + ":" + first), "computed twice: " + first);
              assertEquals(
                  keys(shape, layout, sequence, first / 4), new HashSet<>(List.of(held[slot])));
            }
          }
        }
      }
      assertEquals(shape.batch() * shape.latentFrames(), computed.size());
    }
  }

  private static void play(int[] moves, String[][] held) {
    for (int i = 0; i < moves.length; i += SdpaKernels.MOVE) {
      for (int token = 0; token < moves[i + 4]; token++) {
        held[moves[i]][moves[i + 1] + token] = moves[i + 2] + ":" + (moves[i + 3] + token);
      }
    }
  }

  private static Set<String> keys(
      AttentionShape shape, BlockSparseLayout layout, int sequence, int frame) {
    Set<String> keys = new HashSet<>();
    for (int i = 0; i < layout.count(frame); i++) {
      for (int token = 0; token < 4; token++) {
        keys.add(sequence + ":" + (layout.index(frame, i) * 4 + token));
      }
    }
    for (int token = 0; token < shape.textTokens(); token++) {
      keys.add(sequence + ":" + (shape.videoTokens() + token));
    }
    return keys;
  }

  /** A window that slides by one frame needs one new frame per round. */
  @Test
  void keysThatStayAreNotCopiedAgain() {
    int frames = 40;
    int[] indptr = new int[frames + 1];
    List<Integer> indices = new ArrayList<>();
    for (int frame = 0; frame < frames; frame++) {
      int first = Math.clamp(frame - 2, 0, frames - 5);
      for (int key = first; key < first + 5; key++) {
        indices.add(key);
      }
      indptr[frame + 1] = indices.size();
    }
    BlockSparseLayout layout =
        BlockSparseLayout.of(
            frames, indptr, indices.stream().mapToInt(Integer::intValue).toArray());
    List<FrameBatch> batches =
        FrameBatch.of(new AttentionShape(1, frames, 4, 0, 1, 1, 8), layout, 4);
    assertEquals(1, batches.size());
    FrameBatch batch = batches.getFirst();
    assertEquals(new FrameBatch.Size(5, 4), batch.size());
    assertEquals(10, batch.rounds().size());
    assertEquals(4 * 5 * SdpaKernels.MOVE, batch.rounds().getFirst().moves().length);
    for (FrameBatch.Round round : batch.rounds().subList(1, 10)) {
      assertTrue(round.moves().length <= 4 * SdpaKernels.MOVE, "moves " + round.moves().length);
    }
  }

  @Test
  void roundsWasteFewPlaces() {
    assertEquals(1, FrameBatch.rounds(1, 12));
    assertEquals(1, FrameBatch.rounds(12, 12));
    // 81 = 9 · 9, 121 = 11 · 11: nothing is wasted.
    assertEquals(9, FrameBatch.rounds(81, 12));
    assertEquals(11, FrameBatch.rounds(121, 12));
    for (int frames = 1; frames < 300; frames++) {
      int rounds = FrameBatch.rounds(frames, 12);
      int slots = Math.ceilDiv(frames, rounds);
      assertTrue(slots <= 12);
      assertTrue(rounds * slots - frames < slots, "an idle round at " + frames);
    }
  }
}
