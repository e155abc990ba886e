// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelFailedException;

/**
 * Calls of one size by which a library, which computes dense attention alone, computes a part of a
 * transformer's self-attention. A dense layout is one call. A layout of frames takes a call for
 * several query frames that attend to equally many key frames, as {@link FrameBatch} divides them.
 *
 * @param size of each call; its batch is the number of query frames
 * @param rounds how many calls, one behind the other
 */
record LibraryCalls(Sdpa.Sizes size, int rounds) {
  /**
   * A part of a layout.
   *
   * @param calls that compute it
   * @param frames the query frames of each call; empty where one call does all
   */
  record Part(LibraryCalls calls, List<FrameBatch.Round> frames) {}

  /**
   * What calls have room for.
   *
   * @param slots the most query frames of one call
   * @param mostSlots as {@code slots} where there would be too many calls otherwise, which is what
   *     the device's memory and the length of an array allow
   * @param rounds the most calls of all sizes together, see {@link GraphRoom}
   */
  record Room(int slots, int mostSlots, int rounds) {
    /** Half of the calls, so that those of two layouts fit. */
    Room half() {
      return new Room(slots, mostSlots, rounds / 2);
    }
  }

  /**
   * The calls of a layout. Where they would be more than there is room for, they get more query
   * frames.
   *
   * @param shape one sequence of a video
   * @throws KernelFailedException if a library cannot compute the layout
   */
  static List<Part> of(AttentionShape shape, BlockSparseLayout layout, Room room) {
    return within(shape, layout, room)
        .orElseThrow(
            () ->
                new KernelFailedException(
                    "a library's attention needs more calls for "
                        + layout.queryFrames()
                        + " latent frames than TornadoVM's task graph of a block holds, which is "
                        + room.rounds
                        + " of at most "
                        + room.mostSlots
                        + " frames each: give --backend tornado"));
  }

  /**
   * The calls of a plan.
   *
   * @param room by which a layout is divided into calls
   */
  record Choice(Room room, List<LibraryCalls> calls) {}

  /**
   * The calls of a plan for a layout, which keeps those of an earlier plan where it can, see {@link
   * #joined}. If both do not fit, the layout makes do with half of the room: then the next plan,
   * for the earlier layout, has room for both.
   *
   * @param earlier the calls of the last plan for the same video; empty if it is the first
   * @throws KernelFailedException if a library cannot compute the layout
   */
  static Choice choose(
      AttentionShape shape, BlockSparseLayout layout, Room whole, List<LibraryCalls> earlier) {
    List<LibraryCalls> needed = calls(of(shape, layout, whole));
    boolean another =
        earlier.stream().anyMatch(one -> one.size.queries() < shape.tokens())
            && !earlier.containsAll(needed);
    if (another && rounds(earlier, needed) > whole.rounds) {
      Optional<List<Part>> half = within(shape, layout, whole.half());
      if (half.isPresent()) {
        List<LibraryCalls> fewer = calls(half.get());
        return new Choice(whole.half(), joined(earlier, fewer, whole.rounds));
      }
    }
    return new Choice(whole, joined(earlier, needed, whole.rounds));
  }

  private static List<LibraryCalls> calls(List<Part> parts) {
    return parts.stream().map(Part::calls).toList();
  }

  private static int rounds(List<LibraryCalls> some, List<LibraryCalls> others) {
    return Stream.concat(some.stream(), others.stream())
        .distinct()
        .mapToInt(LibraryCalls::rounds)
        .sum();
  }

  /** As {@link #of}; empty if there is no room for the calls. */
  static Optional<List<Part>> within(AttentionShape shape, BlockSparseLayout layout, Room room) {
    if (layout.isDense()) {
      return Optional.of(List.of(new Part(dense(shape), List.of())));
    }
    if (!layout.isFrames()) {
      throw new KernelFailedException(
          "a library's attention runs layouts of frames and dense ones, not layouts of token"
              + " blocks");
    }
    for (int frame = 0; frame < layout.queryFrames(); frame++) {
      if (layout.count(frame) == 0) {
        throw new KernelFailedException(
            "a library's attention needs keys for every frame, frame " + frame + " has none");
      }
    }
    List<FrameBatch> batches = FrameBatch.of(shape, layout, room.slots);
    for (int slots = room.slots; rounds(batches) > room.rounds; slots++) {
      if (slots > Math.max(room.slots, room.mostSlots)) {
        return Optional.empty();
      }
      batches = FrameBatch.fewest(shape, layout, slots);
    }
    return Optional.of(
        batches.stream().map(batch -> new Part(frames(shape, batch), batch.rounds())).toList());
  }

  private static int rounds(List<FrameBatch> batches) {
    return batches.stream().mapToInt(batch -> batch.rounds().size()).sum();
  }

  /** The one call of a dense layout. */
  static LibraryCalls dense(AttentionShape shape) {
    int tokens = shape.tokens();
    return new LibraryCalls(new Sdpa.Sizes(1, shape.heads(), tokens, tokens, shape.headDim()), 1);
  }

  private static LibraryCalls frames(AttentionShape shape, FrameBatch batch) {
    int patches = shape.patchesPerFrame();
    return new LibraryCalls(
        new Sdpa.Sizes(
            batch.slots(), shape.heads(), patches, batch.keyFrames() * patches, shape.headDim()),
        batch.rounds().size());
  }

  /**
   * The calls that a plan gets which was made for others before. Those are kept, where they will
   * run in vain, only while they are not much more work than what is needed: key frames that rotate
   * change the number of attended frames from step to step and back.
   *
   * @param rounds the most calls of all sizes together
   */
  static List<LibraryCalls> joined(
      List<LibraryCalls> earlier, List<LibraryCalls> needed, int rounds) {
    List<LibraryCalls> all = Stream.concat(needed.stream(), earlier.stream()).distinct().toList();
    return rounds(earlier, needed) <= rounds && work(all) <= 2.2 * work(needed) ? all : needed;
  }

  /** Products of a query and a key. */
  private static double work(List<LibraryCalls> calls) {
    return calls.stream()
        .mapToDouble(
            one -> (double) one.rounds * one.size.batch() * one.size.queries() * one.size.keys())
        .sum();
  }
}
