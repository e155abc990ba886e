// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A rank that is lost ends all others with its reason, also those that exchange nothing with it for
 * now because it is in none of their groups.
 */
@Timeout(60)
class LostRankTest {
  /** How soon the issue wants every rank ended. */
  private static final Duration SOON = Duration.ofSeconds(10);

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  /** What a rank does until something ends it: its groups' exchanges, never all ranks'. */
  private static Object workInGroups(Communicator rank, RankGroups groups) {
    RankPlace place = RankPlace.of(rank, groups, 1);
    while (true) {
      place.tensor().allGather(new float[100]);
      place.sequence().ulysses().allGather(new float[100]);
      place.sequence().ring().allGather(new float[100]);
    }
  }

  @ParameterizedTest
  @CsvSource({
    // tensor, ulysses, ring, guidance, the rank that is lost, over TCP
    "1, 2, 1, 2, 3, true",
    "2, 1, 2, 2, 5, true",
    "2, 2, 1, 2, 7, true",
    "1, 2, 2, 2, 0, true",
    "1, 1, 1, 2, 1, true",
    "1, 2, 1, 2, 3, false",
    "2, 1, 2, 2, 0, false"
  })
  void aRankThatFailsEndsTheRanksOfAllGroups(
      int tensor, int ulysses, int ring, int guidance, int lost, boolean tcp) throws Exception {
    RankGroups groups = new RankGroups(tensor, ulysses, ring, 1, guidance, 1);
    List<Communicator> ranks =
        tcp ? TcpRanks.connected(groups.world()) : InProcess.ranks(groups.world());
    CountDownLatch atWork = new CountDownLatch(groups.world() - 1);
    List<Future<?>> others = new ArrayList<>();
    for (int rank = 0; rank < ranks.size(); rank++) {
      Communicator one = ranks.get(rank);
      if (rank != lost) {
        others.add(
            threads.submit(
                () ->
                    one.work(
                        all -> {
                          atWork.countDown();
                          return workInGroups(all, groups);
                        })));
      }
    }
    atWork.await();
    assertThrows(
        IOException.class,
        () ->
            ranks
                .get(lost)
                .work(
                    rank -> {
                      throw new IOException("the disk is full");
                    }));
    long end = System.nanoTime() + SOON.toNanos();
    for (Future<?> other : others) {
      ExecutionException ended =
          assertThrows(
              ExecutionException.class,
              () -> other.get(end - System.nanoTime(), TimeUnit.NANOSECONDS));
      assertEquals(
          "rank " + lost + " failed: the disk is full", ended.getCause().getMessage(), "" + ended);
    }
  }

  @Test
  void aRankThatComputesLearnsItWithoutAnExchange() throws Exception {
    for (List<Communicator> ranks : List.of(TcpRanks.connected(3), InProcess.ranks(3))) {
      ranks.get(0).check();
      ranks.get(2).fail(new IllegalStateException("no memory left"));
      Communicator group = ranks.get(0).group(List.of(0, 1));
      long end = System.nanoTime() + SOON.toNanos();
      RankFailure told =
          assertThrows(
              RankFailure.class,
              () -> {
                while (System.nanoTime() < end) {
                  group.check();
                  Thread.onSpinWait();
                }
              });
      assertEquals("rank 2 failed: no memory left", told.getMessage());
      TcpRanks.close(ranks);
    }
  }

  /** A later rank of four processes, as a program: the last one dies without a word. */
  static final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
      int number = Integer.parseInt(arguments[0]);
      try (Communicator ranks =
          Loopback.join(
              number,
              4,
              Integer.parseInt(arguments[1]),
              RunSecret.of(System.getenv()),
              TcpRanks.SHORT)) {
        ranks.work(
            all -> {
              new Collectives(all).barrier();
              if (number == 3) {
                Runtime.getRuntime().halt(37);
              }
              return workInGroups(all, BY_HEADS_AND_GUIDANCE);
            });
      }
    }
  }

  private static final RankGroups BY_HEADS_AND_GUIDANCE = new RankGroups(1, 2, 1, 1, 2, 1);

  @Test
  void aProcessThatDiesEndsRankZeroThoughItIsOfAnotherGroup() {
    List<ProcessHandle> children = new ArrayList<>();
    RankFailure failure =
        assertThrows(
            RankFailure.class,
            () ->
                RankProcesses.run(
                    4,
                    TcpRanks.SHORT,
                    (rank, port) -> TestJvm.of(Main.class, rank, port),
                    all -> {
                      ProcessHandle.current()
                          .children()
                          .filter(one -> one.info().command().orElse("").endsWith("java"))
                          .forEach(children::add);
                      new Collectives(all).barrier();
                      return workInGroups(all, BY_HEADS_AND_GUIDANCE);
                    }));
    assertEquals("rank 3 is gone (exit code 37)", failure.getMessage());
    assertTrue(children.size() >= 3, "children " + children);
    children.forEach(one -> one.onExit().orTimeout(SOON.toSeconds(), TimeUnit.SECONDS).join());
  }
}
