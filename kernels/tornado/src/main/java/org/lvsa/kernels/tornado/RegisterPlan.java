// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.KeyRanges;

/**
 * How the queries of a head are divided among the warps of {@link RegisterKernels}. A warp takes up
 * to 32 queries of one group. The warps of a tile share the copies of keys and values. Warps of
 * different groups share one if most of their keys are the same: the end of a frame and the start
 * of the next one, say.
 *
 * @param warps of a tile
 * @param tiles {@link RegisterKernels#tileNumbers} numbers per tile: first run, run after the last,
 *     the tile of columns where the first query's own key is; then for each warp its first query,
 *     its number of queries (0 if it has none) and their number of keys
 * @param runs three numbers per run: first column, a multiple of {@link RegisterKernels#KEYS};
 *     number of tiles of keys; for which warps the run is, one bit each
 */
record RegisterPlan(int warps, int[] tiles, int[] runs) {
  /** The most warps of a tile, and what layouts of frames take. */
  static final int MOST_WARPS = 8;

  /** Numbers of warps that a tile can have. */
  static final List<Integer> SIZES = List.of(MOST_WARPS, 4, 2);

  private static final int RUN_NUMBERS = 3;

  /** Queries of one group that a warp takes. */
  private record Warp(KeyRanges group, int firstQuery, int queries) {}

  /**
   * Divides the groups of each matrix of a layout; empty if a run of keys does not consist of whole
   * tiles.
   */
  static Optional<List<RegisterPlan>> of(Columns columns, List<List<KeyRanges>> groups, int warps) {
    if (!groups.stream().flatMap(List::stream).allMatch(columns::fits)) {
      return Optional.empty();
    }
    return Optional.of(
        groups.stream().map(list -> new Builder(columns, warps).build(list)).toList());
  }

  /**
   * The time that plans take, 1 for a key and all warps of the largest tile, by a model of what was
   * measured on an H100: a tile of 8 warps of which one is busy takes 0.7 of the time of a full
   * one.
   */
  static double cost(List<RegisterPlan> plans) {
    return plans.stream().mapToDouble(RegisterPlan::cost).sum();
  }

  private double cost() {
    double cost = 0;
    for (int tile = 0; tile < tiles.length; tile += RegisterKernels.tileNumbers(warps)) {
      long keys = 0;
      for (int run = tiles[tile]; run < tiles[tile + 1]; run++) {
        keys += (long) RegisterKernels.KEYS * runs[RUN_NUMBERS * run + 1];
      }
      int busy = 0;
      for (int warp = 0; warp < warps; warp++) {
        busy += tiles[tile + 4 + 3 * warp] > 0 ? 1 : 0;
      }
      cost += slowness() * warps / MOST_WARPS * keys * (0.66 + 0.34 * busy / warps);
    }
    return cost;
  }

  /**
   * How much longer a warp takes than in a tile of the most warps, since it has more to copy: all
   * keys, measured on an H100, took 234, 216 and 196 TFLOP/s.
   */
  private double slowness() {
    return switch (warps) {
      case 2 -> 1.2;
      case 4 -> 1.08;
      default -> 1;
    };
  }

  /** Number of tiles. */
  int tileCount() {
    return tiles.length / RegisterKernels.tileNumbers(warps);
  }

  /** Number of runs of all tiles together. */
  int runCount() {
    return runs.length / RUN_NUMBERS;
  }

  private static final class Builder {
    private final Columns columns;
    private final int most;
    private final List<Warp> warps = new ArrayList<>();
    private int[] tiles = new int[64];
    private int tileSize;
    private int[] runs = new int[64];
    private int runSize;

    /** The group that the last runs are of alone; null if they are of several groups. */
    private KeyRanges lastGroup;

    private int lastFirstRun;

    /** Edges of the runs that the warps of the tile attend to together. */
    private int[] together = {};

    Builder(Columns columns, int most) {
      this.columns = columns;
      this.most = most;
    }

    RegisterPlan build(List<KeyRanges> groups) {
      for (KeyRanges group : groups) {
        if (!warps.isEmpty() && !shares(group)) {
          flush();
        }
        for (int done = 0; done < group.queryCount(); done += RegisterKernels.WARP_QUERIES) {
          if (warps.isEmpty()) {
            together = edges(group);
          }
          int queries = Math.min(RegisterKernels.WARP_QUERIES, group.queryCount() - done);
          warps.add(new Warp(group, group.firstQuery() + done, queries));
          if (warps.size() == most) {
            flush();
          }
        }
      }
      if (!warps.isEmpty()) {
        flush();
      }
      return new RegisterPlan(most, Arrays.copyOf(tiles, tileSize), Arrays.copyOf(runs, runSize));
    }

    /**
     * Whether a group joins the tile: if the keys of both together are at most three quarters of
     * their sum. Then one walk through them costs less than two, of which one has idle warps.
     */
    private boolean shares(KeyRanges group) {
      int[] own = edges(group);
      int[] both = union(together, own);
      if (4L * length(both) > 3L * (length(together) + length(own))) {
        return false;
      }
      together = both;
      return true;
    }

    /** First and last column of each run, by turns. */
    private int[] edges(KeyRanges group) {
      int[] edges = new int[2 * group.keyStarts().length];
      for (int i = 0; i < group.keyStarts().length; i++) {
        edges[2 * i] = columns.column(group.keyStarts()[i]);
        edges[2 * i + 1] = columns.end(group.keyStarts()[i] + group.keyCounts()[i]);
      }
      return edges;
    }

    private static int[] union(int[] one, int[] other) {
      int[] both = new int[one.length + other.length];
      int size = 0;
      int i = 0;
      int j = 0;
      while (i < one.length || j < other.length) {
        boolean first = j == other.length || i < one.length && one[i] <= other[j];
        int start = first ? one[i] : other[j];
        int end = first ? one[i + 1] : other[j + 1];
        if (first) {
          i += 2;
        } else {
          j += 2;
        }
        if (size > 0 && start <= both[size - 1]) {
          both[size - 1] = Math.max(both[size - 1], end);
        } else {
          both[size++] = start;
          both[size++] = end;
        }
      }
      return Arrays.copyOf(both, size);
    }

    private static long length(int[] edges) {
      long sum = 0;
      for (int i = 0; i < edges.length; i += 2) {
        sum += edges[i + 1] - edges[i];
      }
      return sum;
    }

    /** Writes the tile. */
    private void flush() {
      int first = addRuns();
      addTile(first);
      addTile(runSize / RUN_NUMBERS);
      int own = columns.column(warps.getFirst().firstQuery());
      addTile(own / RegisterKernels.KEYS * RegisterKernels.KEYS);
      for (int warp = 0; warp < most; warp++) {
        boolean idle = warp >= warps.size();
        addTile(idle ? 0 : warps.get(warp).firstQuery());
        addTile(idle ? 0 : warps.get(warp).queries());
        addTile(idle ? 0 : warps.get(warp).group().keys());
      }
      warps.clear();
      together = new int[0];
    }

    /** Writes the runs of the tile, unless they are the last ones; returns the first one. */
    private int addRuns() {
      KeyRanges group = warps.getFirst().group();
      boolean alone = warps.getLast().group() == group;
      if (alone && group == lastGroup) {
        return lastFirstRun;
      }
      int first = runSize / RUN_NUMBERS;
      lastFirstRun = first;
      if (alone) {
        lastGroup = group;
        int[] edges = edges(group);
        for (int i = 0; i < edges.length; i += 2) {
          addRun(edges[i], edges[i + 1], (1 << most) - 1);
        }
      } else {
        lastGroup = null;
        addCommonRuns();
      }
      return first;
    }

    /** Cuts the runs of several groups where the set of warps that attend to them changes. */
    private void addCommonRuns() {
      int[][] edges = new int[warps.size()][];
      for (int i = 0; i < edges.length; i++) {
        boolean same = i > 0 && warps.get(i).group() == warps.get(i - 1).group();
        edges[i] = same ? edges[i - 1] : edges(warps.get(i).group());
      }
      int[] cuts =
          Arrays.stream(edges)
              .distinct()
              .flatMapToInt(Arrays::stream)
              .sorted()
              .distinct()
              .toArray();
      int[] at = new int[edges.length];
      int start = -1;
      int mask = 0;
      for (int c = 0; c + 1 < cuts.length; c++) {
        int here = 0;
        for (int i = 0; i < edges.length; i++) {
          while (at[i] < edges[i].length && edges[i][at[i] + 1] <= cuts[c]) {
            at[i] += 2;
          }
          if (at[i] < edges[i].length && edges[i][at[i]] <= cuts[c]) {
            here |= 1 << i;
          }
        }
        if (here != mask) {
          if (mask != 0) {
            addRun(start, cuts[c], mask);
          }
          start = cuts[c];
          mask = here;
        }
      }
      if (mask != 0) {
        addRun(start, cuts[cuts.length - 1], mask);
      }
    }

    private void addRun(int start, int end, int mask) {
      if (runSize + RUN_NUMBERS > runs.length) {
        runs = Arrays.copyOf(runs, 2 * runs.length);
      }
      runs[runSize++] = start;
      runs[runSize++] = (end - start) / RegisterKernels.KEYS;
      runs[runSize++] = mask;
    }

    private void addTile(int number) {
      if (tileSize == tiles.length) {
        tiles = Arrays.copyOf(tiles, 2 * tiles.length);
      }
      tiles[tileSize++] = number;
    }
  }
}
