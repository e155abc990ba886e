// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks over TCP: who is let in, what a lost rank does to the others. Everything is bounded. */
@Timeout(60)
class LoopbackTest {
  private static final Patience BRIEF =
      new Patience(Duration.ofMillis(300), Duration.ofMillis(300));

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  private <T> Future<T> start(Callable<T> work) {
    return threads.submit(work);
  }

  /** What a caller that is not of the run does at rank 0's port. */
  enum Stranger {
    SILENT,
    HANGS_UP,
    RANDOM_BYTES,
    ENDLESS_BYTES,
    RANK_ONE_WITHOUT_SECRET,
    RANK_ONE_WITH_ANOTHER_SECRET,
    RANK_99_WITH_THE_SECRET,
    RANK_MINUS_ONE_WITH_THE_SECRET,
    RANK_ZERO_WITH_THE_SECRET
  }

  private static void call(
      Stranger stranger, Socket socket, RunSecret secret, SplittableRandom random)
      throws IOException {
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    byte[] noise = new byte[200];
    random.nextBytes(noise);
    switch (stranger) {
      case SILENT -> {}
      case HANGS_UP -> socket.close();
      case RANDOM_BYTES -> out.write(noise);
      case ENDLESS_BYTES ->
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      while (true) {
                        out.write(noise);
                      }
                    } catch (IOException e) {
                      // Hung up on, as it should be.
                    }
                  });
      case RANK_ONE_WITHOUT_SECRET -> {
        out.writeInt(0x4c565341);
        out.writeInt(1);
        out.write(noise, 0, 16 + 32);
      }
      case RANK_ONE_WITH_ANOTHER_SECRET ->
          assertThrows(IOException.class, () -> Handshake.call(socket, 1, RunSecret.draw()));
      case RANK_99_WITH_THE_SECRET ->
          assertThrows(IOException.class, () -> Handshake.call(socket, 99, secret));
      case RANK_MINUS_ONE_WITH_THE_SECRET ->
          assertThrows(IOException.class, () -> Handshake.call(socket, -1, secret));
      case RANK_ZERO_WITH_THE_SECRET ->
          assertThrows(IOException.class, () -> Handshake.call(socket, 0, secret));
    }
  }

  @ParameterizedTest
  @EnumSource(Stranger.class)
  void aStrangerThatCallsFirstIsIgnoredAndTheRanksMeet(Stranger stranger) throws Exception {
    long seed = ThreadLocalRandom.current().nextLong();
    RunSecret secret = RunSecret.draw();
    try (ServerSocket server = Loopback.listen(2);
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.getLocalPort())) {
      Future<Communicator> hosting = start(() -> Loopback.host(server, 2, secret, TcpRanks.SHORT));
      call(stranger, socket, secret, new SplittableRandom(seed));
      try (Communicator second =
              Loopback.join(1, 2, server.getLocalPort(), secret, TcpRanks.SHORT);
          Communicator first = hosting.get()) {
        Future<float[][]> other = start(() -> second.allGather(new float[] {1}));
        assertArrayEquals(
            new float[][] {{0}, {1}}, first.allGather(new float[] {0}), "seed " + seed);
        assertArrayEquals(new float[][] {{0}, {1}}, other.get(), "seed " + seed);
      }
    }
  }

  @Test
  void aRankThatComesTwiceIsLetInOnce() throws Exception {
    RunSecret secret = RunSecret.draw();
    Future<Communicator> hosting;
    try (ServerSocket server = Loopback.listen(3);
        Socket first = new Socket(InetAddress.getLoopbackAddress(), server.getLocalPort());
        Socket again = new Socket(InetAddress.getLoopbackAddress(), server.getLocalPort())) {
      hosting = start(() -> Loopback.host(server, 3, secret, TcpRanks.SHORT));
      Handshake.call(first, 1, secret);
      assertEquals(
          "rank 1 is not expected there",
          assertThrows(IOException.class, () -> Handshake.call(again, 1, secret)).getMessage());
    }
    // Rank 2 cannot come once the port is closed.
    assertEquals(
        "stopped waiting for rank 2 (callers ignored: 1, the last one because rank 1 is here"
            + " already): Socket closed",
        cause(hosting).getMessage());
  }

  private static Throwable cause(Future<?> failing) {
    return assertThrows(ExecutionException.class, failing::get).getCause();
  }

  @Test
  void aListenerThatDoesNotKnowTheSecretLearnsNothingAndIsRefused() throws Exception {
    RunSecret secret = RunSecret.draw();
    try (ServerSocket fake = Loopback.listen(2)) {
      Future<byte[]> heard =
          start(
              () -> {
                try (Socket caller = fake.accept()) {
                  DataInputStream in = new DataInputStream(caller.getInputStream());
                  byte[] hello = new byte[24];
                  in.readFully(hello);
                  caller.getOutputStream().write(new byte[16 + 32]);
                  return in.readAllBytes();
                }
              });
      assertEquals(
          "rank 0 on port "
              + fake.getLocalPort()
              + " did not take in rank 1: what listens there does not know the run's secret",
          assertThrows(
                  IOException.class,
                  () -> Loopback.join(1, 2, fake.getLocalPort(), secret, TcpRanks.SHORT))
              .getMessage());
      assertEquals(0, heard.get().length, "bytes after the hello");
    }
  }

  @Test
  void aPortThatIsNoneIsRefused() throws Exception {
    RunSecret secret = RunSecret.draw();
    try (ServerSocket server = Loopback.listen(2);
        Socket rank = new Socket(InetAddress.getLoopbackAddress(), server.getLocalPort())) {
      Future<Communicator> hosting = start(() -> Loopback.host(server, 2, secret, TcpRanks.SHORT));
      Handshake.call(rank, 1, secret);
      new DataOutputStream(rank.getOutputStream()).writeInt(70_000);
      assertEquals(
          "rank 1 says that rank 1 listens on port 70000, allowed are 1 to 65535",
          cause(hosting).getMessage());
    }
  }

  @Test
  void ranksThatDoNotComeAreNamedAndNotWaitedForForEver() throws IOException {
    try (ServerSocket server = Loopback.listen(4)) {
      assertEquals(
          "ranks 1, 2, 3 did not come within 300 ms",
          assertThrows(IOException.class, () -> Loopback.host(server, 4, RunSecret.draw(), BRIEF))
              .getMessage());
    }
  }

  @Test
  void aRankThatDoesNotListenIsNamed() throws IOException {
    int port;
    try (ServerSocket probe = Loopback.listen(1)) {
      port = probe.getLocalPort();
    }
    long before = cpuNanos();
    assertEquals(
        "rank 0 does not listen on port " + port,
        assertThrows(IOException.class, () -> Loopback.join(1, 2, port, RunSecret.draw(), BRIEF))
            .getMessage());
    assertTrue(cpuNanos() - before < 200_000_000, "waiting must not be a busy loop");
  }

  private static long cpuNanos() {
    return java.lang.management.ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  @ParameterizedTest
  @CsvSource({"1, 2, 0", "1, 2, 65536", "0, 2, 5000", "2, 2, 5000", "-1, 2, 5000", "1, 0, 5000"})
  void aPlaceThatIsNoneIsRefused(int rank, int world, int port) {
    RunSecret secret = RunSecret.draw();
    assertThrows(
        IllegalArgumentException.class, () -> Loopback.join(rank, world, port, secret, BRIEF));
  }

  // ---- ranks that are lost on the way

  @Test
  void aRankThatFailsEndsAllWithItsReason() throws Exception {
    List<Communicator> ranks = TcpRanks.connected(3);
    Future<?> zero = start(() -> ranks.get(0).work(rank -> rank.allGather(new float[100_000])));
    Future<?> two = start(() -> ranks.get(2).work(rank -> rank.allGather(new float[100_000])));
    Future<?> one =
        start(
            () ->
                ranks
                    .get(1)
                    .work(
                        rank -> {
                          throw new IOException("could not read\n the weights");
                        }));
    assertEquals("could not read\n the weights", cause(one).getMessage());
    for (Future<?> other : List.of(zero, two)) {
      Throwable failure = cause(other);
      assertEquals(RankFailure.class, failure.getClass());
      assertEquals("rank 1 failed: could not read the weights", failure.getMessage());
    }
  }

  @Test
  void aRankThatHasLeftIsNamedByWhoNeedsItAndBothersNobodyElse() throws Exception {
    List<Communicator> ranks = TcpRanks.connected(3);
    ranks.get(1).close();
    Future<float[][]> first =
        start(() -> ranks.get(0).group(List.of(0, 2)).allGather(new float[1]));
    assertEquals(2, ranks.get(2).group(List.of(0, 2)).allGather(new float[1]).length);
    assertEquals(2, first.get().length);
    for (int rank : new int[] {0, 2}) {
      assertEquals(
          "rank 1 left",
          assertThrows(RankFailure.class, () -> ranks.get(rank).allToAll(new float[3][100_000]))
              .getMessage());
    }
    assertEquals(
        "rank 1 left",
        assertThrows(RankFailure.class, () -> ranks.get(1).allToAll(new float[3][1])).getMessage());
  }

  @Test
  void aRankThatSendsNothingIsNotWaitedForForEver() throws Exception {
    List<Communicator> ranks =
        TcpRanks.connected(2, new Patience(Duration.ofSeconds(20), Duration.ofMillis(200)));
    assertEquals(
        "rank 1 sent nothing for 200 ms",
        assertThrows(RankFailure.class, () -> ranks.getFirst().allToAll(new float[2][100_000]))
            .getMessage());
    TcpRanks.close(ranks);
  }

  @ParameterizedTest
  @ValueSource(ints = {-3, Integer.MIN_VALUE, Integer.MAX_VALUE})
  void aLengthThatCannotBeIsRefusedBeforeAnythingIsAllocated(int length) throws Exception {
    RunSecret secret = RunSecret.draw();
    try (ServerSocket server = Loopback.listen(2);
        Socket rank = new Socket(InetAddress.getLoopbackAddress(), server.getLocalPort())) {
      Future<Communicator> hosting = start(() -> Loopback.host(server, 2, secret, TcpRanks.SHORT));
      Handshake.call(rank, 1, secret);
      DataOutputStream out = new DataOutputStream(rank.getOutputStream());
      out.writeInt(5000);
      try (Communicator first = hosting.get()) {
        out.writeInt(length);
        // 8 GiB of numbers are too many for the tests' heap.
        assertEquals(
            "rank 1 sent a message of " + length + " numbers, which no rank of this run can mean",
            assertThrows(RankFailure.class, () -> first.allToAll(new float[2][1])).getMessage());
      }
    }
  }

  @Test
  void aPartPerRankIsNeeded() throws Exception {
    List<Communicator> ranks = TcpRanks.connected(2);
    assertEquals(
        "there must be one part per rank (2), got 3",
        assertThrows(
                IllegalArgumentException.class, () -> ranks.getFirst().allToAll(new float[3][1]))
            .getMessage());
    TcpRanks.close(ranks);
  }

  // ---- the secret

  @Test
  void theSecretComesFromTheEnvironmentAndIsNotRepeated() {
    RunSecret secret = RunSecret.draw();
    RunSecret same = RunSecret.of(Map.of(RunSecret.VARIABLE, secret.hex()));
    byte[] nonce = {1, 2, 3};
    assertTrue(same.holds(secret.proof("caller", 1, nonce), "caller", 1, nonce));
    assertFalse(same.holds(secret.proof("caller", 1, nonce), "listener", 1, nonce));
    assertFalse(same.holds(secret.proof("caller", 1, nonce), "caller", 2, nonce));
    assertFalse(RunSecret.draw().holds(secret.proof("caller", 1, nonce), "caller", 1, nonce));
    assertFalse(secret.toString().contains(secret.hex()));
    for (String wrong :
        List.of("", "abc", secret.hex() + "0", secret.hex().replace(secret.hex().charAt(0), 'g'))) {
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> RunSecret.of(Map.of(RunSecret.VARIABLE, wrong)))
              .getMessage();
      assertTrue(message.startsWith("LVSA_RANK_SECRET must hold the run's secret"), message);
    }
    assertThrows(IllegalArgumentException.class, () -> RunSecret.of(Map.of()));
  }
}
