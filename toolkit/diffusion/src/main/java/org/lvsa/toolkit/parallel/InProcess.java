// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import org.lvsa.toolkit.profile.TransferEvent;

/** Ranks that are threads of one JVM. Parts change hands without a copy. */
public final class InProcess {
  private final List<Integer> all;
  private final Map<List<Integer>, Meeting> meetings = new HashMap<>();
  private RankFailure gone;

  private InProcess(int world) {
    all = IntStream.range(0, world).boxed().toList();
  }

  /** Where the ranks of one group lay down what they have for each other. */
  private static final class Meeting {
    private final float[][][] table;
    private int arrived;
    private int round;

    Meeting(int size) {
      table = new float[size][size][];
    }
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
    return new Rank(all, rank, bytes -> {});
  }

  private synchronized Meeting meeting(List<Integer> members) {
    return meetings.computeIfAbsent(members, m -> new Meeting(m.size()));
  }

  /** Returns when every member has called it, or fails when a rank has left. */
  private synchronized void await(Meeting meeting) {
    int mine = meeting.round;
    if (gone == null && ++meeting.arrived == meeting.table.length) {
      meeting.arrived = 0;
      meeting.round++;
      notifyAll();
    }
    try {
      while (meeting.round == mine && gone == null) {
        wait();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for the other ranks", e);
    }
    if (meeting.round == mine) {
      throw gone.again();
    }
  }

  private synchronized void requireAll() {
    if (gone != null) {
      throw gone.again();
    }
  }

  private synchronized void leave(RankFailure failure) {
    if (gone == null) {
      gone = failure;
    }
    notifyAll();
  }

  /** One rank in one group. */
  private final class Rank implements Communicator {
    private final List<Integer> members;
    private final int place;
    private final Meeting meeting;
    private final LongConsumer outer;
    private long sent;

    /**
     * @param members numbers of the group's ranks
     * @param place this rank's among them
     * @param outer is told the bytes that are sent
     */
    Rank(List<Integer> members, int place, LongConsumer outer) {
      this.members = members;
      this.place = place;
      this.outer = outer;
      meeting = meeting(members);
    }

    @Override
    public int rank() {
      return place;
    }

    @Override
    public int world() {
      return members.size();
    }

    @Override
    public int number(int member) {
      return members.get(member);
    }

    @Override
    public Communicator group(List<Integer> some) {
      int mine = requireMember(some);
      return new Rank(some.stream().map(members::get).toList(), mine, this::count);
    }

    @Override
    public float[][] allToAll(float[][] parts) {
      for (int to = 0; to < world(); to++) {
        meeting.table[to][place] = parts[to];
        if (to != place) {
          count((long) parts[to].length * Float.BYTES);
        }
      }
      try (TransferEvent _ = TransferEvent.exchange(parts, place)) {
        await(meeting);
        float[][] received = meeting.table[place].clone();
        // Nobody may write the next round before everybody has read this one.
        await(meeting);
        return received;
      }
    }

    private void count(long bytes) {
      sent += bytes;
      outer.accept(bytes);
    }

    @Override
    public long bytesSent() {
      return sent;
    }

    @Override
    public void close() {
      leave(new RankFailure(number(place), "left"));
    }

    @Override
    public void check() {
      requireAll();
    }

    @Override
    public void fail(Throwable cause) {
      leave(RankFailure.of(number(place), cause));
    }
  }
}
