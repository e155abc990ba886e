// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
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
   * The calls of a layout.
   *
   * @param shape one sequence of a video
   * @param mostSlots the most query frames of one call
   * @throws KernelFailedException if a library cannot compute the layout
   */
  static List<Part> of(AttentionShape shape, BlockSparseLayout layout, int mostSlots) {
    if (layout.isDense()) {
      return List.of(new Part(dense(shape), List.of()));
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
    return FrameBatch.of(shape, layout, mostSlots).stream()
        .map(batch -> new Part(frames(shape, batch), batch.rounds()))
        .toList();
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
   */
  static List<LibraryCalls> joined(List<LibraryCalls> earlier, List<LibraryCalls> needed) {
    List<LibraryCalls> all = Stream.concat(needed.stream(), earlier.stream()).distinct().toList();
    return work(all) <= 2.2 * work(needed) ? all : needed;
  }

  /** Products of a query and a key. */
  private static double work(List<LibraryCalls> calls) {
    return calls.stream()
        .mapToDouble(
            one -> (double) one.rounds * one.size.batch() * one.size.queries() * one.size.keys())
        .sum();
  }
}
