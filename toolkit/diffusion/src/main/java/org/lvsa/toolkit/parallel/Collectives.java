// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.util.Arrays;

/**
 * Collective operations in the shape of NCCL's, over a {@link Communicator}. Every rank of the
 * communicator has to make the same calls in the same order. Sums are taken in the order of the
 * ranks, so that all ranks get the same bits, in every run.
 *
 * <p>An all-reduce is a reduce-scatter and an all-gather: with N ranks and n numbers a rank sends
 * {@code 2 (N − 1) / N · n · 4} bytes, where n divides by N.
 *
 * @param ranks the communicator
 */
public record Collectives(Communicator ranks) {

  /** How numbers of several ranks become one. */
  public enum Reduction {
    /** Their sum, in the order of the ranks. */
    SUM,
    /** Their sum over the number of ranks. */
    MEAN,
    /** The largest. */
    MAX
  }

  /** Every rank gets the reduction of all ranks' numbers. */
  public float[] allReduce(float[] mine, Reduction reduction) {
    int world = ranks.world();
    if (world == 1) {
      return mine.clone();
    }
    float[][] parts = new float[world][];
    for (int rank = 0; rank < world; rank++) {
      parts[rank] =
          Arrays.copyOfRange(mine, begin(mine.length, rank), begin(mine.length, rank + 1));
    }
    float[] reduced = reduced(parts, reduction);
    float[][] toAll = new float[world][];
    Arrays.fill(toAll, reduced);
    int[] lengths = new int[world];
    for (int rank = 0; rank < world; rank++) {
      lengths[rank] = begin(mine.length, rank + 1) - begin(mine.length, rank);
    }
    float[][] received = ranks.allToAll(toAll, lengths);
    float[] all = new float[mine.length];
    for (int rank = 0; rank < world; rank++) {
      System.arraycopy(received[rank], 0, all, begin(mine.length, rank), lengths[rank]);
    }
    return all;
  }

  private int begin(int length, int rank) {
    return Math.toIntExact((long) length * rank / ranks.world());
  }

  /**
   * Every rank gets the sums of all ranks' numbers, in the order of the ranks. A number travels as
   * three of float32, which hold all digits of one that float32 has the range for.
   */
  public double[] sum(double[] mine) {
    if (ranks.world() == 1) {
      return mine.clone();
    }
    float[] parts = new float[3 * mine.length];
    for (int i = 0; i < mine.length; i++) {
      double rest = mine[i];
      for (int part = 0; part < 3; part++) {
        parts[3 * i + part] = (float) rest;
        rest = Double.isFinite(rest) ? rest - parts[3 * i + part] : 0;
      }
    }
    double[] sum = new double[mine.length];
    for (float[] theirs : ranks.allGather(parts)) {
      for (int i = 0; i < sum.length; i++) {
        sum[i] += (double) theirs[3 * i] + theirs[3 * i + 1] + theirs[3 * i + 2];
      }
    }
    return sum;
  }

  /**
   * Every rank gets its part of the reduction of all ranks' numbers.
   *
   * @param mine numbers, as many on every rank
   * @throws IllegalArgumentException if they do not divide among the ranks
   */
  public float[] reduceScatter(float[] mine, Reduction reduction) {
    int world = ranks.world();
    if (mine.length % world != 0) {
      throw new IllegalArgumentException(
          "numbers to scatter must be a multiple of the ranks ("
              + world
              + "), got "
              + mine.length
              + ": pad them to "
              + Math.ceilDiv(mine.length, world) * world);
    }
    int part = mine.length / world;
    float[][] parts = new float[world][];
    for (int rank = 0; rank < world; rank++) {
      parts[rank] = Arrays.copyOfRange(mine, rank * part, (rank + 1) * part);
    }
    return reduced(parts, reduction);
  }

  private float[] reduced(float[][] parts, Reduction reduction) {
    int world = ranks.world();
    int[] lengths = new int[world];
    Arrays.fill(lengths, parts[ranks.rank()].length);
    float[][] received = ranks.allToAll(parts, lengths);
    float[] sum = received[0].clone();
    for (int rank = 1; rank < world; rank++) {
      for (int i = 0; i < sum.length; i++) {
        sum[i] =
            reduction == Reduction.MAX
                ? Math.max(sum[i], received[rank][i])
                : sum[i] + received[rank][i];
      }
    }
    if (reduction == Reduction.MEAN) {
      for (int i = 0; i < sum.length; i++) {
        sum[i] /= world;
      }
    }
    return sum;
  }

  /** A part from each rank, this one's own included, in the order of the ranks. */
  public float[][] allGather(float[] mine) {
    return ranks.allGather(mine);
  }

  /** Sends {@code parts[r]} to rank r and gets what each rank has for this one. */
  public float[][] allToAll(float[][] parts) {
    return ranks.allToAll(parts);
  }

  /**
   * Sends numbers to one rank and gets those of another, as NCCL's send and receive in one group;
   * ranks that take no part call it with their own number.
   *
   * @param to the rank that gets {@code mine}
   * @param from the rank whose numbers this one gets
   */
  public float[] sendReceive(float[] mine, int to, int from) {
    float[][] parts = new float[ranks.world()][];
    Arrays.fill(parts, new float[0]);
    parts[to] = mine;
    return ranks.allToAll(parts)[from];
  }

  /** Every rank gets the root's numbers. */
  public float[] broadcast(float[] mine, int root) {
    float[][] parts = new float[ranks.world()][];
    Arrays.fill(parts, ranks.rank() == root ? mine : new float[0]);
    return ranks.allToAll(parts)[root].clone();
  }

  /** Returns when every rank has called it. */
  public void barrier() {
    float[][] nothing = new float[ranks.world()][];
    Arrays.fill(nothing, new float[0]);
    ranks.allToAll(nothing);
  }
}
