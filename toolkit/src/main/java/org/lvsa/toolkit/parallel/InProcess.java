// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.stream.IntStream;

/** Ranks that are threads of one JVM: parts change hands without a copy. */
public final class InProcess {
  private final CyclicBarrier barrier;
  private final float[][][] table;

  private InProcess(int world) {
    barrier = new CyclicBarrier(world);
    table = new float[world][world][];
  }

  /** A communicator for each rank. */
  public static List<Communicator> ranks(int world) {
    InProcess shared = new InProcess(world);
    return IntStream.range(0, world).<Communicator>mapToObj(shared::rank).toList();
  }

  private Rank rank(int rank) {
    return new Rank(rank);
  }

  private void await() {
    try {
      barrier.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for the other ranks", e);
    } catch (BrokenBarrierException e) {
      throw new IllegalStateException("another rank failed", e);
    }
  }

  private final class Rank implements Communicator {
    private final int rank;
    private long sent;

    Rank(int rank) {
      this.rank = rank;
    }

    @Override
    public int rank() {
      return rank;
    }

    @Override
    public int world() {
      return table.length;
    }

    @Override
    public float[][] allToAll(float[][] parts) {
      for (int to = 0; to < world(); to++) {
        table[to][rank] = parts[to];
        sent += to == rank ? 0 : (long) parts[to].length * Float.BYTES;
      }
      await();
      float[][] received = table[rank].clone();
      // Nobody may write the next round before everybody has read this one.
      await();
      return received;
    }

    @Override
    public long bytesSent() {
      return sent;
    }

    /** A rank that gives up must not leave the others waiting. */
    @Override
    public void close() {
      barrier.reset();
    }
  }
}
