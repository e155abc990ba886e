// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;

/** Ranks that are threads of one JVM. Parts change hands without a copy. */
public final class InProcess {
  private final float[][][] table;
  private int arrived;
  private int round;
  private RankFailure gone;

  private InProcess(int world) {
    table = new float[world][world][];
  }

  /** The communicators of all ranks, in order, for threads that the caller starts. */
  public static List<Communicator> ranks(int world) {
    InProcess shared = new InProcess(world);
    return IntStream.range(0, world).<Communicator>mapToObj(shared::rank).toList();
  }

  /**
   * Runs the same on every rank, each in a virtual thread.
   *
   * @param world number of ranks
   * @param work what each does
   * @return the ranks' results, in their order
   * @throws Exception the first failure of a rank; it ends the others too
   */
  public static <T> List<T> run(int world, RankWork<T> work) throws Exception {
    AtomicReference<Throwable> first = new AtomicReference<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<T>> running = new ArrayList<>();
      for (Communicator rank : ranks(world)) {
        Callable<T> task =
            () ->
                rank.work(
                    ranks -> {
                      try {
                        return work.run(ranks);
                      } catch (Exception | Error e) {
                        first.compareAndSet(null, e);
                        throw e;
                      }
                    });
        running.add(threads.submit(task));
      }
      List<T> results = new ArrayList<>();
      for (Future<T> result : running) {
        results.add(result.get());
      }
      return results;
    } catch (ExecutionException e) {
      switch (first.get()) {
        case Exception failure -> throw failure;
        case Error failure -> throw failure;
        default -> throw e;
      }
    }
  }

  private Rank rank(int rank) {
    return new Rank(rank);
  }

  /** Returns when every rank has called it, or fails when one has left. */
  private synchronized void await() {
    int mine = round;
    if (gone == null && ++arrived == table.length) {
      arrived = 0;
      round++;
      notifyAll();
    }
    try {
      while (round == mine && gone == null) {
        wait();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for the other ranks", e);
    }
    if (round == mine) {
      throw new RankFailure(gone.rank(), gone.reason());
    }
  }

  private synchronized void leave(RankFailure failure) {
    if (gone == null) {
      gone = failure;
    }
    notifyAll();
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

    @Override
    public void close() {
      leave(new RankFailure(rank, "left"));
    }

    @Override
    public void fail(Throwable cause) {
      leave(RankFailure.of(rank, cause));
    }
  }
}
