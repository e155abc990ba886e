// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.ReferenceBackend;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;

class ContextParallelTest {
  private static float[] floats(MemorySegment memory) {
    return memory.toArray(ValueLayout.JAVA_FLOAT);
  }

  /** A rank's part of a tensor: its tokens of the video, and all text. */
  private static Shard shard(MemorySegment whole, AttentionShape shape, int rank, int world) {
    float[] all = floats(whole);
    int row = all.length / shape.tokens();
    int local = Math.ceilDiv(shape.videoTokens(), world) * row;
    int end = shape.videoTokens() * row;
    // Padding behind the last token is 0.
    float[] mine =
        Arrays.copyOfRange(all, Math.min(rank * local, end), Math.min((rank + 1) * local, end));
    return new Shard(
        Arrays.copyOf(mine, local), Arrays.copyOfRange(all, shape.videoTokens() * row, all.length));
  }

  /** Runs every rank in a thread, and compares its part with the whole's. */
  private static void check(
      AttentionShape shape, Scheme scheme, double odds, List<Communicator> ranks)
      throws InterruptedException, ExecutionException {
    check(shape, rank -> scheme.of(shape, rank), odds, ranks);
  }

  private static void check(
      AttentionShape shape,
      Function<Communicator, ContextParallel> scheme,
      double odds,
      List<Communicator> ranks)
      throws InterruptedException, ExecutionException {
    try (Arena arena = Arena.ofShared();
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      AttentionProblem problem = RandomProblem.draw(shape, DType.F32, odds, 1, 3, arena);
      AttentionOutput expected = AttentionOutput.allocate(shape, arena);
      try (AttentionKernel kernel = new ReferenceBackend().open(KernelOptions.DEFAULT)) {
        kernel.run(problem, expected);
      }
      List<Future<Shard>> results = new ArrayList<>();
      for (Communicator rank : ranks) {
        Callable<Shard> work =
            () -> {
              try (AttentionKernel kernel = new ReferenceBackend().open(KernelOptions.DEFAULT)) {
                ContextParallel parallel = scheme.apply(rank);
                Shard out =
                    parallel.attend(
                        kernel::run,
                        problem.layout(),
                        shard(problem.query(), shape, rank.rank(), rank.world()),
                        shard(problem.key(), shape, rank.rank(), rank.world()),
                        shard(problem.value(), shape, rank.rank(), rank.world()));
                assertEquals(parallel.bytesSent(problem.layout()), rank.bytesSent());
                return out;
              }
            };
        results.add(threads.submit(work));
      }
      for (int rank = 0; rank < ranks.size(); rank++) {
        Shard wanted = shard(expected.out(), shape, rank, ranks.size());
        Shard got = results.get(rank).get();
        assertArrayEquals(wanted.video(), got.video(), 1e-6f, "video of rank " + rank);
        assertArrayEquals(wanted.text(), got.text(), 1e-6f, "text of rank " + rank);
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
    "4, 5, 8, 5, 4, 4",
    "2, 3, 6, 7, 4, 2",
    "4, 3, 4, 9, 4, 2",
    "4, 3, 4, 0, 8, 1",
    "3, 5, 6, 3, 6, 3",
    "8, 4, 6, 0, 8, 8",
    "2, 3, 4, 1, 2, 2",
    "5, 5, 7, 4, 5, 5",
    // Tokens that do not divide: the last ranks hold padding, or nothing else.
    "2, 3, 5, 0, 4, 4",
    "4, 3, 5, 3, 4, 4",
    "4, 1, 5, 2, 8, 2",
    // Heads that do not divide: some ranks have one more, or none; keys of their own or copies.
    "2, 3, 5, 2, 3, 3",
    "4, 3, 5, 3, 6, 6",
    "4, 2, 6, 3, 2, 2",
    "5, 3, 4, 3, 3, 1",
    "4, 3, 4, 5, 12, 6",
    "3, 3, 5, 2, 4, 2"
  })
  void byHeadsAnyWorldGivesTheResultOfOneRank(
      int world, int frames, int patches, int text, int heads, int kvHeads) throws Exception {
    AttentionShape shape = new AttentionShape(1, frames, patches, text, heads, kvHeads, 8);
    check(shape, Scheme.ULYSSES, 0.5, InProcess.ranks(world));
  }

  @ParameterizedTest
  @CsvSource({
    // world, frames, patches, text, heads, kvHeads, odds of a frame's attending to another
    "1, 4, 6, 0, 4, 4, 0.5",
    "2, 4, 6, 0, 3, 3, 0.5",
    "4, 4, 6, 0, 1, 1, 0",
    "4, 6, 6, 5, 2, 1, 0.2",
    "4, 5, 8, 5, 4, 4, 1",
    "2, 3, 6, 7, 4, 2, 0.5",
    "3, 5, 6, 13, 3, 1, 0.4",
    "8, 4, 6, 2, 3, 3, 0.5",
    "7, 7, 3, 1, 2, 2, 0.3",
    "6, 3, 4, 30, 2, 2, 0.5",
    "5, 1, 10, 4, 2, 2, 1",
    "12, 3, 4, 3, 2, 1, 0.5",
    // Tokens that do not divide: the last ranks hold padding, or nothing else.
    "2, 3, 5, 0, 2, 2, 0.5",
    "4, 5, 5, 3, 2, 1, 0.5",
    "4, 3, 3, 2, 1, 1, 0.3",
    "7, 3, 5, 4, 2, 2, 1",
    "5, 1, 9, 3, 2, 2, 1"
  })
  void byQueriesAnyWorldGivesTheResultOfOneRank(
      int world, int frames, int patches, int text, int heads, int kvHeads, double odds)
      throws Exception {
    AttentionShape shape = new AttentionShape(1, frames, patches, text, heads, kvHeads, 8);
    check(shape, Scheme.GLOBAL_KV, odds, InProcess.ranks(world));
  }

  @ParameterizedTest
  @CsvSource({
    // world, frames, patches, text, heads, kvHeads, odds of a frame's attending to another
    "1, 4, 6, 0, 4, 4, 0.5",
    "2, 4, 6, 0, 3, 3, 0.5",
    "4, 6, 6, 5, 2, 1, 0",
    "4, 5, 8, 5, 4, 4, 1",
    "2, 3, 6, 7, 4, 2, 0.5",
    "3, 5, 6, 13, 3, 1, 0.4",
    "7, 7, 3, 1, 2, 2, 0.3",
    "5, 1, 10, 4, 2, 2, 1",
    "6, 3, 4, 30, 2, 2, 0.5",
    // Tokens that do not divide: the last ranks hold padding, or nothing else.
    "2, 3, 5, 0, 2, 2, 0.5",
    "4, 5, 5, 3, 2, 1, 0.5",
    "4, 3, 3, 2, 1, 1, 0.3",
    "2, 5, 6, 0, 2, 2, 0.1",
    "7, 3, 6, 4, 2, 2, 1",
    // And have no frames.
    "2, 1, 9, 0, 2, 2, 1",
    "4, 1, 13, 5, 2, 1, 1",
    "4, 1, 9, 3, 2, 2, 1",
    "5, 1, 6, 2, 1, 1, 1"
  })
  void roundARingAnyWorldGivesTheResultOfOneRank(
      int world, int frames, int patches, int text, int heads, int kvHeads, double odds)
      throws Exception {
    AttentionShape shape = new AttentionShape(1, frames, patches, text, heads, kvHeads, 8);
    check(shape, Scheme.RING, odds, InProcess.ranks(world));
  }

  @ParameterizedTest
  @CsvSource({
    // ulysses, ring, frames, patches, text, heads, kvHeads
    "2, 2, 4, 6, 0, 4, 4",
    "2, 2, 5, 8, 5, 4, 4",
    "2, 3, 3, 8, 7, 2, 1",
    "3, 2, 5, 6, 4, 6, 3",
    "4, 2, 4, 6, 3, 8, 2",
    "1, 3, 3, 4, 2, 1, 1",
    "3, 1, 3, 4, 2, 3, 3",
    // Neither tokens nor heads divide.
    "2, 2, 3, 5, 0, 4, 4",
    "2, 2, 5, 5, 3, 3, 3",
    "2, 3, 1, 25, 2, 4, 2",
    "3, 2, 3, 3, 2, 2, 2",
    "2, 4, 3, 3, 4, 3, 1"
  })
  void byHeadsAndRoundARingGivesItToo(
      int ulysses, int ring, int frames, int patches, int text, int heads, int kvHeads)
      throws Exception {
    AttentionShape shape = new AttentionShape(1, frames, patches, text, heads, kvHeads, 8);
    check(
        shape,
        ranks -> new Hybrid(shape, SequenceRanks.of(ranks, ulysses, ring)),
        0.5,
        InProcess.ranks(ulysses * ring));
  }

  @Test
  void aRingOfAwkwardPartsIsRefusedWithOneThatFits() {
    AttentionShape shape = new AttentionShape(1, 10_007, 2, 0, 1, 1, 8);
    String message =
        assertThrows(IllegalArgumentException.class, () -> Scheme.RING.check(shape, 1, 2))
            .getMessage();
    assertTrue(
        message.contains("10007 tokens each") && message.endsWith("--ring-degree [1, 3, 4]"),
        message);
    AttentionShape other = new AttentionShape(1, 8 * 1021, 16, 0, 1, 1, 8);
    Scheme.RING.check(other, 1, 2);
  }

  @ParameterizedTest
  @CsvSource({
    "ULYSSES, 3, 6, 700",
    "GLOBAL_KV, 3, 6, 700",
    "GLOBAL_KV, 4, 5, 4",
    "RING, 3, 6, 700",
    "RING, 4, 5, 4"
  })
  void ranksOverTcpGiveItToo(Scheme scheme, int world, int frames, int patches) throws Exception {
    List<Communicator> ranks = TcpRanks.connected(world);
    for (int rank = 0; rank < world; rank++) {
      assertEquals(rank, ranks.get(rank).rank());
      assertEquals(world, ranks.get(rank).world());
    }
    check(new AttentionShape(1, frames, patches, 3, 6, 3, 8), scheme, 0.5, ranks);
    TcpRanks.close(ranks);
  }

  // ---- traffic

  @ParameterizedTest
  @CsvSource({
    // Each other rank gets 24 tokens of 2 heads of q, k and v, and 24 tokens of 2 heads of the
    // result.
    "4, 4, 24, 0, 8, 8, 18432",
    // The same of one key/value head.
    "4, 4, 24, 0, 8, 4, 13824",
    // And 5 text tokens of the result's 2 heads.
    "4, 4, 24, 5, 8, 8, 19392",
    "1, 4, 24, 5, 8, 8, 0"
  })
  void byHeadsTrafficIsTheFormula(
      int world, int frames, int patches, int text, int heads, int kvHeads, long bytes) {
    AttentionShape shape = new AttentionShape(1, frames, patches, text, heads, kvHeads, 8);
    for (Communicator rank : InProcess.ranks(world)) {
      for (double odds : new double[] {0, 1}) {
        BlockSparseLayout layout = RandomProblem.layout(frames, odds, new SplittableRandom(1));
        assertEquals(bytes, new Ulysses(shape, rank).bytesSent(layout));
      }
    }
  }

  @Test
  void byQueriesOnlyFramesThatOthersAttendToAreSent() {
    // 2 ranks of 2 frames of 6 patches; heads of 8; key and value: 2 * 8 floats a token.
    AttentionShape shape = new AttentionShape(1, 4, 6, 0, 1, 1, 8);
    int[] indptr = {0, 1, 2, 4, 5};
    BlockSparseLayout layout = BlockSparseLayout.of(4, indptr, new int[] {0, 1, 0, 2, 3});
    List<Communicator> ranks = InProcess.ranks(2);
    long frame = 6 * 2 * 8 * Float.BYTES;
    // Frame 2, of the second rank, attends to frame 0, of the first.
    assertEquals(frame, new GlobalKeyValue(shape, ranks.get(0)).bytesSent(layout));
    assertEquals(0, new GlobalKeyValue(shape, ranks.get(1)).bytesSent(layout));
    AttentionShape text = new AttentionShape(1, 4, 6, 3, 1, 1, 8);
    assertEquals(
        frame + 3 * 9 * Float.BYTES, new GlobalKeyValue(text, ranks.get(0)).bytesSent(layout));
  }

  @Test
  void aFrameThatTwoRanksHoldIsSentInParts() throws Exception {
    // 4 ranks of 9 tokens, frames of 12: rank 1 holds the end of frame 0 and the start of frame 1.
    AttentionShape shape = new AttentionShape(1, 3, 12, 0, 1, 1, 8);
    int[] indptr = {0, 1, 2, 4};
    BlockSparseLayout layout = BlockSparseLayout.of(3, indptr, new int[] {0, 1, 0, 2});
    List<Communicator> ranks = InProcess.ranks(4);
    long token = 2 * 8 * Float.BYTES;
    // Frame 0 goes to rank 1, which holds its other part, and to ranks 2 and 3, which hold frame 2.
    assertEquals(3 * 9 * token, new GlobalKeyValue(shape, ranks.get(0)).bytesSent(layout));
    // 3 tokens of frame 0 to ranks 0, 2 and 3, and 6 of frame 1 to rank 2.
    assertEquals((3 * 3 + 6) * token, new GlobalKeyValue(shape, ranks.get(1)).bytesSent(layout));
  }

  @Test
  void sparserIsLessTraffic() {
    AttentionShape shape = new AttentionShape(1, 40, 8, 0, 4, 4, 16);
    Communicator rank = InProcess.ranks(4).getFirst();
    long before = Long.MAX_VALUE;
    for (double odds : new double[] {1, 0.03, 0}) {
      BlockSparseLayout layout = RandomProblem.layout(40, odds, new SplittableRandom(1));
      long bytes = new GlobalKeyValue(shape, rank).bytesSent(layout);
      assertTrue(bytes < before, odds + ": " + bytes);
      before = bytes;
    }
    assertEquals(0, before);
  }

  // ---- what is refused

  @Test
  void headsMustDivideUnlessAnyNumberIsAskedFor() {
    UlyssesMode.STRICT.check(12, 4);
    UlyssesMode.ADVANCED_UAA.check(4, 3);
    assertEquals(
        "heads must be a multiple of --ulysses-degree (3), got 4: try one of [1, 2, 4], or"
            + " --ulysses-mode advanced_uaa",
        assertThrows(IllegalArgumentException.class, () -> UlyssesMode.STRICT.check(4, 3))
            .getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "ULYSSES, 1, 1000, 1000, 0, 40, 128, 10320000000, use at least 5 ranks",
    "GLOBAL_KV, 2, 1000, 1000, 0, 40, 128, 5160000000, use at least 5 ranks",
    "GLOBAL_KV, 1, 1, 1, 2147483640, 1, 1, 8589934564, use less text"
  })
  void whatOneRankCannotHoldIsRefusedByName(
      Scheme scheme,
      int world,
      int frames,
      int patches,
      int text,
      int heads,
      int headDim,
      String numbers,
      String advice) {
    AttentionShape shape = new AttentionShape(1, frames, patches, text, heads, heads, headDim);
    String message =
        assertThrows(IllegalArgumentException.class, () -> scheme.check(shape, world, 1))
            .getMessage();
    assertTrue(
        message.startsWith(
            "a rank's keys and values must be at most 2^31-1 numbers, got " + numbers + " ("),
        message);
    assertTrue(message.endsWith("): " + advice), message);
    if (advice.startsWith("use at least")) {
      scheme.check(shape, 5, 1);
      assertThrows(IllegalArgumentException.class, () -> scheme.check(shape, 4, 1));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ULYSSES", "GLOBAL_KV"})
  void severalSequencesAreRefused(Scheme scheme) {
    AttentionShape two = new AttentionShape(2, 4, 4, 0, 4, 4, 8);
    assertEquals(
        "batch must be 1 over several ranks, got 2: run guidance's passes one after the other",
        assertThrows(
                IllegalArgumentException.class, () -> scheme.of(two, InProcess.ranks(2).getFirst()))
            .getMessage());
  }

  @Test
  void onlyTheSchemeThatNeedsThemGuardsBoundaries() {
    assertEquals(false, Scheme.ULYSSES.guardsBoundaries());
    assertEquals(true, Scheme.GLOBAL_KV.guardsBoundaries());
  }

  @Test
  void aRankWithOtherSettingsIsNamed() {
    // The second rank believes in longer frames.
    RankFailure failure =
        assertThrows(
            RankFailure.class,
            () ->
                InProcess.run(
                    2,
                    rank -> {
                      int patches = 4 + 2 * rank.rank();
                      AttentionShape shape = new AttentionShape(1, 2, patches, 0, 2, 2, 8);
                      float[] tokens = new float[patches * 2 * 8];
                      Shard shard = new Shard(tokens, new float[0]);
                      return new Ulysses(shape, rank)
                          .attend(
                              (problem, output) -> {},
                              BlockSparseLayout.dense(2),
                              shard,
                              shard,
                              shard);
                    }));
    String message = failure.getMessage();
    assertTrue(
        message.equals(
                "rank 1 sent 48 numbers in place of 32: it runs with other settings than rank 0")
            || message.equals(
                "rank 0 sent 32 numbers in place of 48: it runs with other settings than rank 1"),
        message);
  }

  // ---- queries over keys of another number

  @ParameterizedTest
  @CsvSource({"3, 9", "3, 10", "5, 3", "1, 7", "8, 8", "4, 1", "7, 15"})
  void queriesOverAnyNumberOfKeys(int queries, int keys) {
    AttentionShape shape = new AttentionShape(1, 1, queries, 0, 4, 2, 8);
    SplittableRandom random = new SplittableRandom(queries * 31L + keys);
    float[] q = normal(random, queries * 4 * 8);
    float[] k = normal(random, keys * 2 * 8);
    float[] v = normal(random, keys * 2 * 8);
    try (Arena arena = Arena.ofShared();
        AttentionKernel kernel = new ReferenceBackend().open(KernelOptions.DEFAULT)) {
      AttentionOutput out = new QueriesOverKeys(shape, kernel::run, arena).attend(q, k, v);
      for (int query = 0; query < queries; query++) {
        for (int head = 0; head < 4; head++) {
          double total = 0;
          double[] sum = new double[8];
          for (int key = 0; key < keys; key++) {
            double score = 0;
            for (int i = 0; i < 8; i++) {
              score += q[(query * 4 + head) * 8 + i] * k[(key * 2 + head / 2) * 8 + i];
            }
            double weight = Math.exp(score / Math.sqrt(8));
            total += weight;
            for (int i = 0; i < 8; i++) {
              sum[i] += weight * v[(key * 2 + head / 2) * 8 + i];
            }
          }
          int row = query * 4 + head;
          assertEquals(Math.log(total), DType.F32.get(out.logSumExp().orElseThrow(), row), 1e-5);
          for (int i = 0; i < 8; i++) {
            assertEquals(sum[i] / total, DType.F32.get(out.out(), row * 8L + i), 1e-5);
          }
        }
      }
    }
  }

  private static float[] normal(SplittableRandom random, int length) {
    float[] numbers = new float[length];
    for (int i = 0; i < length; i++) {
      numbers[i] = (float) random.nextGaussian();
    }
    return numbers;
  }

  // ---- communicators

  @Test
  void aloneNothingIsSent() {
    Communicator alone = Communicator.alone();
    assertEquals(0, alone.rank());
    assertEquals(1, alone.world());
    assertArrayEquals(new float[] {1, 2}, alone.allToAll(new float[][] {{1, 2}})[0]);
    assertEquals(0, alone.bytesSent());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void everyRankGetsWhatEachHasForIt(int world) throws Exception {
    List<float[][]> received =
        InProcess.run(
            world,
            rank -> {
              float[][] parts = new float[world][];
              for (int to = 0; to < world; to++) {
                parts[to] = new float[] {rank.rank() * 10 + to};
              }
              rank.allToAll(parts);
              float[][] again = rank.allToAll(parts);
              assertEquals(2L * (world - 1) * Float.BYTES, rank.bytesSent());
              return again;
            });
    for (int rank = 0; rank < world; rank++) {
      for (int from = 0; from < world; from++) {
        assertEquals(from * 10 + rank, received.get(rank)[from][0]);
      }
    }
  }

  @Test
  void gatheredPartsStandInTheOrderOfRanks() throws Exception {
    for (float[][] all :
        InProcess.run(3, rank -> rank.allGather(new float[] {rank.rank(), rank.rank()}))) {
      assertArrayEquals(new float[][] {{0, 0}, {1, 1}, {2, 2}}, all);
    }
  }

  @Test
  void aRankThatGivesUpDoesNotLeaveTheOthersWaiting() throws Exception {
    List<Communicator> ranks = InProcess.ranks(2);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Callable<float[][]> wait = () -> ranks.getFirst().allToAll(new float[2][1]);
      Future<float[][]> waiting = threads.submit(wait);
      ranks.get(1).close();
      assertEquals(
          "rank 1 left",
          assertThrows(ExecutionException.class, waiting::get).getCause().getMessage());
    }
    assertEquals(
        "rank 1 left",
        assertThrows(RankFailure.class, () -> ranks.getFirst().allToAll(new float[2][1]))
            .getMessage(),
        "and a rank that comes later does not wait either");
  }

  @Test
  void theFirstFailureIsTheOneThatIsThrown() {
    IOException cause = new IOException("rank 1 could not read its weights");
    assertEquals(
        cause,
        assertThrows(
            IOException.class,
            () ->
                InProcess.run(
                    3,
                    rank -> {
                      if (rank.rank() == 1) {
                        throw cause;
                      }
                      return rank.allGather(new float[1]);
                    })));
  }

  @Test
  void anErrorOfARankEndsTheOthersToo() {
    assertEquals(
        "out of memory",
        assertThrows(
                OutOfMemoryError.class,
                () ->
                    InProcess.run(
                        3,
                        rank -> {
                          if (rank.rank() == 2) {
                            throw new OutOfMemoryError("out of memory");
                          }
                          return rank.allGather(new float[1]);
                        }))
            .getMessage());
  }
}
