// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.ArrayList;
import java.util.List;

/**
 * A group of consecutive query tokens that attend to the same keys, and those keys as runs of
 * consecutive tokens. A kernel that works through the groups never looks at frames.
 *
 * @param firstQuery first query token
 * @param queryCount number of query tokens of the group
 * @param keyStarts first token of each run of keys, ascending
 * @param keyCounts number of tokens of each run
 */
public record KeyRanges(int firstQuery, int queryCount, int[] keyStarts, int[] keyCounts) {

  /**
   * Divides a problem into groups that hold every query once. Neighbouring frames that attend to
   * the same frames share a group, so that a dense layout is one group. Neighbouring attended
   * frames share a run. Text queries are a group of their own that attends to every token.
   */
  public static List<KeyRanges> of(AttentionShape shape, BlockSparseLayout layout) {
    List<KeyRanges> groups = new ArrayList<>();
    int patches = shape.patchesPerFrame();
    for (int frame = 0; frame < shape.latentFrames(); ) {
      int next = frame + 1;
      while (next < shape.latentFrames() && layout.sameRow(frame, next)) {
        next++;
      }
      groups.add(runs(shape, layout, frame, next - frame, patches));
      frame = next;
    }
    if (shape.textTokens() > 0) {
      groups.add(
          new KeyRanges(
              shape.videoTokens(), shape.textTokens(), new int[] {0}, new int[] {shape.tokens()}));
    }
    return groups;
  }

  /** Number of keys that each query of the group attends to. */
  public int keys() {
    int sum = 0;
    for (int count : keyCounts) {
      sum += count;
    }
    return sum;
  }

  private static KeyRanges runs(
      AttentionShape shape, BlockSparseLayout layout, int frame, int frames, int patches) {
    List<int[]> runs = new ArrayList<>();
    if (layout.isDense()) {
      extend(runs, 0, shape.videoTokens());
    }
    for (int i = 0; !layout.isDense() && i < layout.count(frame); i++) {
      extend(runs, layout.index(frame, i) * patches, patches);
    }
    if (shape.textTokens() > 0) {
      extend(runs, shape.videoTokens(), shape.textTokens());
    }
    return new KeyRanges(
        frame * patches,
        frames * patches,
        runs.stream().mapToInt(run -> run[0]).toArray(),
        runs.stream().mapToInt(run -> run[1]).toArray());
  }

  private static void extend(List<int[]> runs, int start, int count) {
    if (!runs.isEmpty() && runs.getLast()[0] + runs.getLast()[1] == start) {
      runs.getLast()[1] += count;
    } else {
      runs.add(new int[] {start, count});
    }
  }
}
