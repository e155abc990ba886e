// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.ReferenceBackend;

class UlyssesTest {
  private static float[] floats(java.lang.foreign.MemorySegment memory) {
    return memory.toArray(ValueLayout.JAVA_FLOAT);
  }

  private static float[] shard(float[] whole, int rank, int world) {
    int length = whole.length / world;
    return Arrays.copyOfRange(whole, rank * length, (rank + 1) * length);
  }

  /** Runs every rank in a thread, and compares the shards with the whole. */
  private static void check(AttentionShape shape, List<Communicator> ranks)
      throws InterruptedException, ExecutionException {
    try (Arena arena = Arena.ofShared();
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 0.5, 1, 3, arena);
      AttentionOutput expected = AttentionOutput.allocate(shape, arena);
      try (AttentionKernel kernel = new ReferenceBackend().open()) {
        kernel.run(problem, expected);
      }
      List<Future<float[]>> results = new ArrayList<>();
      for (Communicator rank : ranks) {
        Callable<float[]> work =
            () -> {
              try (AttentionKernel kernel = new ReferenceBackend().open()) {
                Ulysses ulysses = new Ulysses(shape, rank);
                float[] out =
                    ulysses.attend(
                        kernel,
                        problem.layout(),
                        shard(floats(problem.query()), rank.rank(), rank.world()),
                        shard(floats(problem.key()), rank.rank(), rank.world()),
                        shard(floats(problem.value()), rank.rank(), rank.world()));
                assertEquals(ulysses.bytesSent(), rank.bytesSent());
                return out;
              }
            };
        results.add(threads.submit(work));
      }
      for (int rank = 0; rank < ranks.size(); rank++) {
        assertArrayEquals(
            shard(floats(expected.out()), rank, ranks.size()),
            results.get(rank).get(),
            1e-6f,
            "rank " + rank);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    // world, frames, patches, text, heads, kvHeads
    "1, 4, 6, 0, 4, 4",
    "2, 4, 6, 0, 4, 4",
    "4, 4, 6, 0, 4, 4",
    "2, 5, 6, 0, 4, 4",
    "4, 5, 7, 5, 4, 4",
    "2, 3, 5, 7, 4, 2",
    "4, 3, 5, 9, 4, 2",
    "4, 3, 4, 0, 8, 1",
    "3, 5, 6, 3, 6, 3",
    "8, 4, 6, 0, 8, 8",
  })
  void anyWorldGivesTheResultOfOneRank(
      int world, int frames, int patches, int text, int heads, int kvHeads) throws Exception {
    check(new AttentionShape(1, frames, patches, text, heads, kvHeads, 8), InProcess.ranks(world));
  }

  @Test
  void ranksOverTcpGiveItToo() throws Exception {
    int world = 3;
    List<ServerSocket> servers = new ArrayList<>();
    List<Integer> ports = new ArrayList<>();
    for (int rank = 0; rank < world; rank++) {
      ServerSocket server = new ServerSocket(0, world, InetAddress.getLoopbackAddress());
      servers.add(server);
      ports.add(server.getLocalPort());
    }
    List<Future<Communicator>> connecting = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int rank = 0; rank < world; rank++) {
        int r = rank;
        Callable<Communicator> connect = () -> Loopback.connect(r, servers.get(r), ports);
        connecting.add(threads.submit(connect));
      }
      List<Communicator> ranks = new ArrayList<>();
      for (Future<Communicator> one : connecting) {
        ranks.add(one.get());
      }
      check(new AttentionShape(1, 6, 700, 3, 6, 3, 8), ranks);
      ranks.forEach(UlyssesTest::close);
    }
    for (ServerSocket server : servers) {
      server.close();
    }
  }

  private static void close(Communicator rank) {
    try {
      rank.close();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void trafficIsTheFormula() {
    // 4 ranks, 96 tokens, 8 heads of 8: a rank has 24 tokens and computes 2 heads.
    Ulysses ulysses =
        new Ulysses(new AttentionShape(1, 4, 24, 0, 8, 8, 8), InProcess.ranks(4).getFirst());
    assertEquals(3L * (4 * 2 * 24 * 8) * Float.BYTES, ulysses.bytesSent());
  }

  @ParameterizedTest
  @CsvSource({
    "4, 3, 5, 0, 4, 4, 'tokens must be a multiple of the ranks (4), got 15'",
    "3, 3, 5, 0, 4, 4, 'heads must be a multiple of the ranks (3), got 4'",
    "4, 4, 4, 0, 12, 6, 'kvHeads must be a multiple or a divisor of the ranks (4), got 6'",
  })
  void whatDoesNotDivideIsRefused(
      int world, int frames, int patches, int text, int heads, int kvHeads, String message) {
    AttentionShape shape = new AttentionShape(1, frames, patches, text, heads, kvHeads, 8);
    Communicator first = InProcess.ranks(world).getFirst();
    assertEquals(
        message,
        assertThrows(IllegalArgumentException.class, () -> new Ulysses(shape, first)).getMessage());
  }

  @Test
  void aRankThatGivesUpDoesNotLeaveTheOthersWaiting() throws Exception {
    List<Communicator> ranks = InProcess.ranks(2);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Callable<float[][]> wait = () -> ranks.getFirst().allToAll(new float[2][1]);
      Future<float[][]> waiting = threads.submit(wait);
      Thread.sleep(200);
      ranks.get(1).close();
      assertEquals(
          "another rank failed",
          assertThrows(ExecutionException.class, waiting::get).getCause().getMessage());
    }
  }

  @Test
  void aRankThatIsNotThereIsNamed() throws IOException {
    int port;
    try (ServerSocket probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = probe.getLocalPort();
    }
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      System.setProperty("lvsa.loopback.patience", "300");
      assertEquals(
          "no rank listens on port " + port,
          assertThrows(
                  IOException.class,
                  () -> Loopback.connect(1, server, List.of(port, server.getLocalPort())))
              .getMessage());
    } finally {
      System.clearProperty("lvsa.loopback.patience");
    }
  }
}
