// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;
import org.lvsa.toolkit.parallel.InProcess;

/** Blocks over several ranks: every adapter gives what the equations of one rank give. */
class TransformerTest {

  private record Result(Streams streams, double density, long bytesSent) {}

  private static List<Result> run(
      String model,
      LvsaConfig config,
      List<BlockWeights> weights,
      Streams streams,
      int world,
      Scheme scheme,
      List<String> log)
      throws Exception {
    ModelAdapter adapter = ModelAdapter.of(model);
    return InProcess.run(
        world,
        ranks -> {
          try (Generation generation =
              SmallModel.generation(config, RankView.of(ranks, scheme), log)) {
            Transformer transformer = Transformer.of(adapter, weights);
            transformer.install(generation);
            Streams out = transformer.forward(generation, streams, () -> {});
            return new Result(out, generation.density(), ranks.bytesSent());
          }
        });
  }

  private static Streams streams(String model, int width) {
    return new Streams(
        SmallModel.tokens(SmallModel.TOKENS, width, 21),
        SmallModel.tokens(SmallModel.encoderTokens(model), width, 22));
  }

  @ParameterizedTest
  @CsvSource({
    // model, scheme, world, heads, kvHeads; 60 tokens: 4 ranks split frames of 6 patches
    "wan2.1-1.3b, ULYSSES, 1, 2, 2",
    "wan2.1-1.3b, ULYSSES, 2, 2, 2",
    "wan2.1-1.3b, ULYSSES, 4, 4, 4",
    "wan2.1-1.3b, ULYSSES, 4, 4, 2",
    "wan2.1-1.3b, ULYSSES, 3, 3, 1",
    "wan2.1-i2v-14b, ULYSSES, 2, 2, 2",
    "hunyuanvideo-1.5, ULYSSES, 2, 2, 2",
    "hunyuanvideo-1.5, ULYSSES, 4, 4, 4",
    "hunyuanvideo-1.5, ULYSSES, 4, 8, 2",
    "hunyuanvideo-1.5, ULYSSES, 5, 5, 5",
    "cogvideox-5b, ULYSSES, 2, 2, 2",
    "cogvideox-5b, ULYSSES, 4, 4, 1",
    "cogvideox-5b, ULYSSES, 6, 6, 6",
    "wan2.1-1.3b, GLOBAL_KV, 2, 2, 2",
    "wan2.1-1.3b, GLOBAL_KV, 4, 2, 1",
    "wan2.1-1.3b, GLOBAL_KV, 5, 2, 2",
    "wan2.1-i2v-14b, GLOBAL_KV, 4, 2, 2",
    "hunyuanvideo-1.5, GLOBAL_KV, 2, 2, 2",
    "hunyuanvideo-1.5, GLOBAL_KV, 4, 2, 2",
    "hunyuanvideo-1.5, GLOBAL_KV, 3, 4, 2",
    "cogvideox-5b, GLOBAL_KV, 2, 2, 2",
    "cogvideox-5b, GLOBAL_KV, 4, 3, 3",
    "cogvideox-5b, GLOBAL_KV, 12, 2, 1"
  })
  void anyNumberOfRanksGivesTheEquationsOfOne(
      String model, Scheme scheme, int world, int heads, int kvHeads) throws Exception {
    ModelAdapter adapter = ModelAdapter.of(model);
    BlockShape shape = SmallModel.shape(heads, kvHeads);
    List<BlockWeights> weights = Transformer.random(adapter, shape, 1, 3);
    Streams streams = streams(model, shape.width());
    BlockSparseLayout layout = SmallModel.layout(scheme.guardsBoundaries() ? world : 1);
    BlockEquations.Added expected = SmallModel.expected(model, weights.getFirst(), streams, layout);
    double[][] video = BlockEquations.sum(BlockEquations.matrix(streams.video()), expected.video());
    double[][] encoder = BlockEquations.matrix(streams.encoder());
    if (expected.encoder() != null) {
      encoder = BlockEquations.sum(encoder, expected.encoder());
    }
    LvsaConfig config = SmallModel.config("LVSA", "LVSA_WAN_HOOK", "1");
    List<String> log = SmallModel.log();
    List<Result> results = run(model, config, weights, streams, world, scheme, log);
    AttentionShape whole =
        new AttentionShape(
            1,
            SmallModel.FRAMES,
            6,
            expected.encoder() == null ? 0 : SmallModel.TEXT,
            heads,
            kvHeads,
            12);
    for (int rank = 0; rank < world; rank++) {
      Result result = results.get(rank);
      SmallModel.assertClose(video, result.streams().video(), "video of rank " + rank);
      SmallModel.assertClose(encoder, result.streams().encoder(), "encoder of rank " + rank);
      assertEquals(layout.density(), result.density(), 1e-12);
      // The attention's formula, and the gathering of the video at the end.
      long gathered = (world - 1L) * SmallModel.TOKENS / world * shape.width() * Float.BYTES;
      long attention = scheme.of(whole, new At(rank, world)).bytesSent(layout);
      assertEquals(attention + gathered, result.bytesSent(), "bytes of rank " + rank);
    }
    assertTrue(log.stream().noneMatch(line -> line.contains("FALLBACK")), log.toString());
  }

  /** A rank that only says where it is. */
  private record At(int rank, int world) implements Communicator {
    @Override
    public float[][] allToAll(float[][] parts) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long bytesSent() {
      return 0;
    }
  }

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, ULYSSES, 2",
    "wan2.1-1.3b, GLOBAL_KV, 4",
    "hunyuanvideo-1.5, ULYSSES, 4",
    "hunyuanvideo-1.5, GLOBAL_KV, 4",
    "cogvideox-5b, ULYSSES, 2",
    "cogvideox-5b, GLOBAL_KV, 3"
  })
  void denseIsTheSameOnRanksToo(String model, Scheme scheme, int world) throws Exception {
    ModelAdapter adapter = ModelAdapter.of(model);
    BlockShape shape = SmallModel.shape(4, 4);
    List<BlockWeights> weights = Transformer.random(adapter, shape, 1, 3);
    Streams streams = streams(model, shape.width());
    BlockEquations.Added expected = SmallModel.expected(model, weights.getFirst(), streams, null);
    List<String> log = SmallModel.log();
    for (Result result :
        run(model, SmallModel.config("SDPA"), weights, streams, world, scheme, log)) {
      SmallModel.assertClose(
          BlockEquations.sum(BlockEquations.matrix(streams.video()), expected.video()),
          result.streams().video(),
          model);
      assertEquals(1, result.density());
    }
    assertEquals(List.of(), log);
  }

  @ParameterizedTest
  @CsvSource({"1, 60, SDPA", "1, 60, LVSA", "2, 30, SDPA", "2, 30, LVSA", "4, 15, LVSA"})
  void asManyTextTokensAsVideoTokensAreStillText(int world, int text, String cross)
      throws Exception {
    BlockShape shape = SmallModel.shape(4, 4);
    List<BlockWeights> weights = Transformer.random(ModelAdapter.of("wan2.1-1.3b"), shape, 1, 3);
    Streams streams =
        new Streams(
            SmallModel.tokens(SmallModel.TOKENS, shape.width(), 21),
            SmallModel.tokens(text, shape.width(), 22));
    BlockEquations.Added expected =
        SmallModel.expected("wan", weights.getFirst(), streams, SmallModel.layout(1));
    LvsaConfig config =
        SmallModel.config(
            "{\"per_role\": {\"self\": {\"backend\": \"LVSA\"}, \"cross\": {\"backend\": \""
                + cross
                + "\"}}}",
            "LVSA_WAN_HOOK",
            "1");
    List<String> log = SmallModel.log();
    for (Result result : run("wan2.1-1.3b", config, weights, streams, world, Scheme.ULYSSES, log)) {
      SmallModel.assertClose(
          BlockEquations.sum(BlockEquations.matrix(streams.video()), expected.video()),
          result.streams().video(),
          "video");
    }
    assertTrue(log.stream().noneMatch(line -> line.contains("FALLBACK")), log.toString());
  }

  @ParameterizedTest
  @CsvSource({"wan2.1-1.3b, LVSA_WAN_HOOK, wan", "hunyuanvideo-1.5, LVSA_HUNYUAN_HOOK, hunyuan"})
  void withoutTheHookAShardedSequenceRunsDenseAndSaysSo(
      String model, String variable, String family) throws Exception {
    ModelAdapter adapter = ModelAdapter.of(model);
    BlockShape shape = SmallModel.shape(2, 2);
    List<BlockWeights> weights = Transformer.random(adapter, shape, 1, 3);
    Streams streams = streams(model, shape.width());
    BlockEquations.Added expected = SmallModel.expected(model, weights.getFirst(), streams, null);
    List<String> log = SmallModel.log();
    LvsaConfig config = SmallModel.config("LVSA", variable, "0");
    for (Result result : run(model, config, weights, streams, 2, Scheme.ULYSSES, log)) {
      SmallModel.assertClose(
          BlockEquations.sum(BlockEquations.matrix(streams.video()), expected.video()),
          result.streams().video(),
          family);
      assertEquals(1, result.density());
    }
    for (int rank = 0; rank < 2; rank++) {
      assertTrue(
          log.contains(
              "[LVSA-FALLBACK] origin=attend reason=pre_sharded seq_len=30 rank="
                  + rank
                  + ", world=2, hint=the sequence arrives split among the ranks: set "
                  + variable
                  + "=1 -- falling back to DENSE attention (set LVSA_WARN_FALLBACK=0 to silence)"),
          log.toString());
    }
  }

  @Test
  void underStrictAShardedSequenceIsAnErrorOnEveryRank() {
    LvsaConfig config = SmallModel.config("LVSA", "LVSA_STRICT", "1");
    List<BlockWeights> weights =
        Transformer.random(ModelAdapter.of("wan2.1-1.3b"), SmallModel.shape(2, 2), 1, 3);
    Streams streams = streams("wan2.1-1.3b", 24);
    assertTrue(
        assertThrows(
                IllegalStateException.class,
                () ->
                    run(
                        "wan2.1-1.3b",
                        config,
                        weights,
                        streams,
                        2,
                        Scheme.ULYSSES,
                        SmallModel.log()))
            .getMessage()
            .contains("reason=pre_sharded"));
  }

  @ParameterizedTest
  @CsvSource({
    "ULYSSES, 7, 'wan splits the video''s tokens at blocks.0: their number must be a multiple of"
        + " the ranks (7), got 60, which leaves 4'",
    "GLOBAL_KV, 8, 'wan splits the video''s tokens at blocks.0: their number must be a multiple of"
        + " the ranks (8), got 60, which leaves 4'",
    "ULYSSES, 3, 'heads must be a multiple of the ranks (3), got 2'"
  })
  void whatDoesNotDivideEndsOnEveryRank(Scheme scheme, int world, String message) {
    List<BlockWeights> weights =
        Transformer.random(ModelAdapter.of("wan2.1-1.3b"), SmallModel.shape(2, 2), 1, 3);
    Streams streams = streams("wan2.1-1.3b", 24);
    LvsaConfig config = SmallModel.config("LVSA", "LVSA_WAN_HOOK", "1");
    assertEquals(
        message,
        assertThrows(
                IllegalArgumentException.class,
                () -> run("wan2.1-1.3b", config, weights, streams, world, scheme, SmallModel.log()))
            .getMessage());
  }

  @Test
  void blocksFollowOneAnotherAndEachIsReported() throws Exception {
    ModelAdapter adapter = ModelAdapter.of("cogvideox-5b");
    List<BlockWeights> weights = Transformer.random(adapter, SmallModel.shape(2, 2), 3, 3);
    Streams streams = streams("cogvideox-5b", 24);
    int[] done = {0};
    Streams whole;
    Streams stepwise = streams;
    LvsaConfig config = SmallModel.config("SDPA");
    try (Generation generation =
        SmallModel.generation(config, RankView.alone(), SmallModel.log())) {
      whole = Transformer.of(adapter, weights).forward(generation, streams, () -> done[0]++);
      for (BlockWeights one : weights) {
        stepwise = stepwise.plus(new AttentionBlock(adapter, 0, one).attend(generation, stepwise));
      }
    }
    assertEquals(3, done[0]);
    assertEquals(stepwise.video(), whole.video());
    assertEquals(stepwise.encoder(), whole.encoder());
  }

  @Test
  void stepsAreCountedOverBlocksAndRanks() throws Exception {
    ModelAdapter adapter = ModelAdapter.of("wan2.1-1.3b");
    List<BlockWeights> weights = Transformer.random(adapter, SmallModel.shape(2, 2), 3, 3);
    Streams streams = streams("wan2.1-1.3b", 24);
    LvsaConfig config = SmallModel.config("LVSA", "LVSA_WAN_HOOK", "1", "LVSA_CFG_PASSES", "2");
    List<List<Integer>> steps =
        InProcess.run(
            2,
            ranks -> {
              try (Generation generation =
                  SmallModel.generation(
                      config, RankView.of(ranks, Scheme.ULYSSES), SmallModel.log())) {
                Transformer transformer = Transformer.of(adapter, weights);
                transformer.install(generation);
                return IntStream.range(0, 6)
                    .mapToObj(
                        pass -> {
                          transformer.forward(generation, streams, () -> {});
                          return generation.steps().step();
                        })
                    .toList();
              }
            });
    assertEquals(List.of(List.of(0, 0, 1, 1, 2, 2), List.of(0, 0, 1, 1, 2, 2)), steps);
  }
}
