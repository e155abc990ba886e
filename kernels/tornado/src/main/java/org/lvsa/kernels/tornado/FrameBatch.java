// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.function.IntUnaryOperator;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;

/**
 * The query frames of a layout that attend to equally many key frames, divided into rounds: in each
 * round a library computes one frame per slot, all of them in one call. Every slot works through
 * consecutive frames, and keeps from round to round the key frames that both attend to. The order
 * of keys does not matter to attention, so only the others are copied, into the places of those
 * that are not attended to any more.
 *
 * @param keyFrames number of key frames that each query frame attends to
 * @param slots number of query frames of a call
 * @param rounds what to do in each round
 */
record FrameBatch(int keyFrames, int slots, List<Round> rounds) {
  /**
   * What is to be copied for a round.
   *
   * @param queries two numbers per slot: sequence and first token of its query frame; the token is
   *     {@link #IDLE} if the slot has none
   * @param moves five numbers per run of keys: slot, first token in the slot, sequence, first token
   *     in the sequence, number of tokens
   */
  record Round(int[] queries, int[] moves) {}

  /** The first token of a slot without a query frame. */
  static final int IDLE = -1;

  /**
   * The batches of a layout, one per number of key frames. Frames that attend to nothing, not even
   * to text, are in no batch.
   *
   * @param mostSlots the most query frames of one call
   */
  static List<FrameBatch> of(AttentionShape shape, BlockSparseLayout layout, int mostSlots) {
    return of(shape, layout, frames -> rounds(frames, mostSlots));
  }

  /** As {@link #of}, in as few rounds as there can be, however many places they waste. */
  static List<FrameBatch> fewest(AttentionShape shape, BlockSparseLayout layout, int mostSlots) {
    return of(shape, layout, frames -> Math.ceilDiv(frames, mostSlots));
  }

  private static List<FrameBatch> of(
      AttentionShape shape, BlockSparseLayout layout, IntUnaryOperator roundsOf) {
    TreeMap<Integer, List<Integer>> byCount = new TreeMap<>();
    for (int sequence = 0; sequence < shape.batch(); sequence++) {
      for (int frame = 0; frame < shape.latentFrames(); frame++) {
        int count = layout.count(frame);
        if (count + shape.textTokens() > 0) {
          byCount
              .computeIfAbsent(count, none -> new ArrayList<>())
              .add(sequence * shape.latentFrames() + frame);
        }
      }
    }
    List<FrameBatch> batches = new ArrayList<>();
    byCount.forEach(
        (count, items) -> {
          int rounds = roundsOf.applyAsInt(items.size());
          Slots slots = new Slots(shape, layout, count, items, rounds);
          batches.add(new FrameBatch(count, slots.number(), slots.rounds()));
        });
    return batches;
  }

  /**
   * Into how many rounds frames are divided: as few as waste fewest places, but with at least a
   * third of the slots that a call may have, since a small call does not fill a GPU.
   */
  static int rounds(int frames, int mostSlots) {
    int least = Math.ceilDiv(frames, mostSlots);
    int most = Math.max(least, frames / Math.max(1, mostSlots / 3));
    int best = least;
    for (int rounds = least; rounds <= most; rounds++) {
      if (rounds * Math.ceilDiv(frames, rounds) < best * Math.ceilDiv(frames, best)) {
        best = rounds;
      }
    }
    return best;
  }

  /** Number of key frames and slots: what a call's sizes follow from. */
  Size size() {
    return new Size(keyFrames, slots);
  }

  /**
   * The sizes of a library call.
   *
   * @param keyFrames key frames of each query frame
   * @param slots query frames of a call
   */
  record Size(int keyFrames, int slots) {}

  /** Works out the rounds of frames with equal counts. An item is {@code sequence · T + frame}. */
  private static final class Slots {
    private static final int NOTHING = -1;

    private final AttentionShape shape;
    private final BlockSparseLayout layout;
    private final int count;
    private final List<Integer> items;
    private final int rounds;

    /** The key frame, as an item, at each place of each slot. */
    private final int[][] held;

    /** The sequence whose text a slot holds. */
    private final int[] text;

    Slots(
        AttentionShape shape,
        BlockSparseLayout layout,
        int count,
        List<Integer> items,
        int rounds) {
      this.shape = shape;
      this.layout = layout;
      this.count = count;
      this.items = items;
      this.rounds = rounds;
      held = new int[Math.ceilDiv(items.size(), rounds)][count];
      text = new int[held.length];
      Arrays.fill(text, NOTHING);
      for (int[] places : held) {
        Arrays.fill(places, NOTHING);
      }
    }

    int number() {
      return held.length;
    }

    List<Round> rounds() {
      List<Round> all = new ArrayList<>();
      for (int round = 0; round < rounds; round++) {
        int[] queries = new int[2 * number()];
        List<int[]> moves = new ArrayList<>();
        for (int slot = 0; slot < number(); slot++) {
          int at = slot * rounds + round;
          queries[2 * slot + 1] = IDLE;
          if (at < items.size()) {
            int sequence = items.get(at) / shape.latentFrames();
            int frame = items.get(at) % shape.latentFrames();
            queries[2 * slot] = sequence;
            queries[2 * slot + 1] = frame * shape.patchesPerFrame();
            addMoves(slot, sequence, frame, moves);
          }
        }
        all.add(new Round(queries, moves.stream().flatMapToInt(Arrays::stream).toArray()));
      }
      return all;
    }

    private void addMoves(int slot, int sequence, int frame, List<int[]> moves) {
      int patches = shape.patchesPerFrame();
      int[] places = held[slot];
      boolean[] wanted = new boolean[count];
      List<Integer> missing = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        int item = sequence * shape.latentFrames() + layout.index(frame, i);
        int place = indexOf(places, item);
        if (place == NOTHING) {
          missing.add(item);
        } else {
          wanted[place] = true;
        }
      }
      int free = 0;
      for (int item : missing) {
        while (wanted[free]) {
          free++;
        }
        places[free] = item;
        int token = item % shape.latentFrames() * patches;
        moves.add(new int[] {slot, free * patches, sequence, token, patches});
        free++;
      }
      if (shape.textTokens() > 0 && text[slot] != sequence) {
        text[slot] = sequence;
        moves.add(
            new int[] {slot, count * patches, sequence, shape.videoTokens(), shape.textTokens()});
      }
    }

    private static int indexOf(int[] places, int item) {
      for (int place = 0; place < places.length; place++) {
        if (places[place] == item) {
          return place;
        }
      }
      return NOTHING;
    }
  }
}
