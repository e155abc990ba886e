// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.parallel.Collectives.Reduction;

/** Collective operations of ranks that are threads. */
class CollectivesTest {
  private static float[] numbers(int rank, int length) {
    SplittableRandom random = new SplittableRandom(rank);
    float[] numbers = new float[length];
    for (int i = 0; i < length; i++) {
      numbers[i] = (float) (random.nextDouble() - 0.5);
    }
    return numbers;
  }

  /** The sum in the order of the ranks, as every rank has to get it. */
  private static float[] sum(int world, int length) {
    float[] sum = numbers(0, length);
    for (int rank = 1; rank < world; rank++) {
      float[] its = numbers(rank, length);
      for (int i = 0; i < length; i++) {
        sum[i] += its[i];
      }
    }
    return sum;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void everyRankGetsTheSameBitsOfAnAllReduceOfAnyLength(int world) throws Exception {
    for (int length : new int[] {1, 7, 24}) {
      List<float[]> results =
          InProcess.run(
              world,
              rank -> new Collectives(rank).allReduce(numbers(rank.rank(), length), Reduction.SUM));
      for (float[] result : results) {
        assertArrayEquals(sum(world, length), result);
      }
    }
  }

  @Test
  void anAllReduceIsAReduceScatterAndAnAllGatherAndSendsAsMuch() throws Exception {
    int world = 4;
    int length = 24;
    List<Long> sent =
        InProcess.run(
            world,
            rank -> {
              Collectives collectives = new Collectives(rank);
              collectives.allReduce(numbers(rank.rank(), length), Reduction.SUM);
              long bytes = rank.bytesSent();
              float[] part = collectives.reduceScatter(numbers(rank.rank(), length), Reduction.SUM);
              float[][] parts = collectives.allGather(part);
              float[] expected = sum(world, length);
              for (int from = 0; from < world; from++) {
                for (int i = 0; i < part.length; i++) {
                  assertEquals(expected[from * part.length + i], parts[from][i]);
                }
              }
              return bytes;
            });
    assertEquals(List.of(144L, 144L, 144L, 144L), sent, "2 (N-1)/N · n · 4 bytes");
  }

  @Test
  void meansLargestNumbersBroadcastsAndRings() throws Exception {
    InProcess.run(
        3,
        rank -> {
          Collectives collectives = new Collectives(rank);
          float mine = rank.rank();
          assertEquals(1, collectives.allReduce(new float[] {mine}, Reduction.MEAN)[0]);
          assertEquals(2, collectives.allReduce(new float[] {mine}, Reduction.MAX)[0]);
          assertEquals(1, collectives.broadcast(new float[] {mine}, 1)[0]);
          collectives.barrier();
          float[] received =
              collectives.sendReceive(
                  new float[] {mine}, (rank.rank() + 1) % 3, (rank.rank() + 2) % 3);
          assertEquals((rank.rank() + 2) % 3, received[0]);
          return null;
        });
  }

  @Test
  void numbersThatDoNotDivideAreNamedAndADyingRankEndsAll() {
    assertEquals(
        "numbers to scatter must be a multiple of the ranks (2), got 3: pad them to 4",
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    InProcess.run(
                        2,
                        rank -> new Collectives(rank).reduceScatter(new float[3], Reduction.SUM)))
            .getMessage());
    Exception failure =
        assertThrows(
            IllegalStateException.class,
            () ->
                InProcess.run(
                    3,
                    rank -> {
                      if (rank.rank() == 1) {
                        throw new IllegalStateException("rank 1 ran out of luck");
                      }
                      return new Collectives(rank).allReduce(new float[5], Reduction.SUM);
                    }));
    assertTrue(failure.getMessage().contains("out of luck"), failure.getMessage());
  }

  @Test
  void groupsExchangeForThemselvesAndTheWorldCountsWhatTheySend() throws Exception {
    List<Integer> even = List.of(0, 2);
    List<Integer> odd = List.of(3, 1);
    InProcess.run(4, rank -> inGroups(rank, even, odd));
    List<Communicator> tcp = TcpRanks.connected(4);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Object>> all = new ArrayList<>();
      for (Communicator rank : tcp) {
        all.add(threads.submit(() -> inGroups(rank, even, odd)));
      }
      for (Future<Object> one : all) {
        one.get();
      }
    }
    TcpRanks.close(tcp);
  }

  /** The odd ranks exchange three times as often as the even ones. */
  private static Object inGroups(Communicator rank, List<Integer> even, List<Integer> odd) {
    boolean isEven = rank.rank() % 2 == 0;
    List<Integer> members = isEven ? even : odd;
    Communicator group = rank.group(members);
    assertEquals(members.indexOf(rank.rank()), group.rank());
    assertEquals(rank.rank(), group.number(group.rank()));
    for (int time = 0; time < (isEven ? 1 : 3); time++) {
      float[][] got = group.allGather(new float[] {rank.rank()});
      assertEquals(members.getFirst(), (int) got[0][0]);
      assertEquals(members.getLast(), (int) got[1][0]);
    }
    long bytes = isEven ? 4 : 12;
    assertEquals(bytes, group.bytesSent());
    Communicator alone = group.group(List.of(group.rank()));
    assertEquals(7, alone.allGather(new float[] {7})[0][0]);
    assertEquals(bytes, rank.bytesSent());
    assertThrows(IllegalArgumentException.class, () -> rank.group(List.of(rank.rank(), 4)));
    rank.allGather(new float[1]);
    return rank;
  }

  @Test
  void aRankThatFailsEndsTheOthersGroupsToo() {
    RankFailure failure =
        assertThrows(
            RankFailure.class,
            () ->
                InProcess.run(
                    3,
                    rank -> {
                      if (rank.rank() == 0) {
                        throw new RankFailure(0, "failed: no power");
                      }
                      Communicator pair = rank.group(List.of(1, 2));
                      while (true) {
                        pair.allGather(new float[1]);
                      }
                    }));
    assertEquals("rank 0 failed: no power", failure.getMessage());
  }
}
