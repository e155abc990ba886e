// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;
import org.lvsa.toolkit.parallel.InProcess;
import org.lvsa.toolkit.parallel.RankGroups;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.parallel.TokenRange;

/**
 * What each rank sends in whole runs of a model, over all its layers, is what docs/parallelism.md
 * says: nothing is sent twice or besides.
 */
class PredictionBytesTest {
  private static final int LAYERS = 2;
  private static final int HEADS = 4;
  private static final int STEPS = 2;

  /** What the formulas need to know of a model. */
  private enum Model {
    WAN("wan2.1-1.3b", 128, 0, 16 * 4),
    COGVIDEOX("cogvideox-2b", 64, 226, 16 * 4);

    private final String name;
    private final int headDim;

    /** Text tokens that the video's attend to together with themselves. */
    private final int text;

    /** Features of a token behind the output head: channels and the pixels of a patch. */
    private final int features;

    Model(String name, int headDim, int text, int features) {
      this.name = name;
      this.headDim = headDim;
      this.text = text;
      this.features = features;
    }

    /** Numbers that two ranks which divide the weights of a block add up in it. */
    long summed(long tokens) {
      long width = (long) HEADS * headDim;
      return switch (this) {
        // Two attentions, the feed-forward part; norms of query and key, those of 512 text tokens.
        case WAN -> 3 * tokens * width + 3 * tokens + 512;
        // The attention and the feed-forward part, of video and text.
        case COGVIDEOX -> 2 * (tokens + text) * width;
      };
    }
  }

  @ParameterizedTest
  @CsvSource({
    "WAN, HYBRID, 1, 2, 2, 1, 48",
    "WAN, GLOBAL_KV, 1, 2, 1, 1, 48",
    "WAN, ULYSSES, 2, 2, 1, 1, 32",
    "WAN, RING, 1, 1, 2, 2, 32"
  })
  void aRankSendsWhatTheFormulaSays(
      Model model, Scheme scheme, int tensor, int ulysses, int ring, int guidance, int height)
      throws Exception {
    check(model, scheme, new RankGroups(tensor, ulysses, ring, 1, guidance, 1), height);
  }

  @Tag("full")
  @ParameterizedTest
  @CsvSource({
    // model, scheme, tensor, ulysses, ring, guidance, height: 32 is 18 tokens, 48 is 27
    "WAN, ULYSSES, 1, 2, 1, 1, 32",
    "WAN, ULYSSES, 1, 4, 1, 1, 32",
    "WAN, RING, 1, 1, 2, 1, 48",
    "WAN, RING, 1, 1, 3, 1, 32",
    "WAN, HYBRID, 1, 2, 2, 1, 32",
    "WAN, ULYSSES, 2, 1, 1, 1, 32",
    "WAN, ULYSSES, 1, 1, 1, 2, 32",
    "WAN, RING, 2, 1, 2, 1, 48",
    "WAN, ULYSSES, 2, 1, 1, 2, 32",
    "COGVIDEOX, ULYSSES, 1, 2, 1, 1, 48",
    "COGVIDEOX, RING, 1, 1, 2, 1, 32",
    "COGVIDEOX, HYBRID, 1, 2, 2, 1, 48",
    "COGVIDEOX, GLOBAL_KV, 1, 2, 1, 1, 32",
    "COGVIDEOX, ULYSSES, 2, 1, 1, 1, 32",
    "COGVIDEOX, ULYSSES, 2, 1, 1, 2, 32"
  })
  void ranksOfEveryKindSendWhatTheFormulaSays(
      Model model, Scheme scheme, int tensor, int ulysses, int ring, int guidance, int height)
      throws Exception {
    check(model, scheme, new RankGroups(tensor, ulysses, ring, 1, guidance, 1), height);
  }

  private static void check(Model model, Scheme scheme, RankGroups groups, int height)
      throws Exception {
    VideoSize size = new VideoSize(new Resolution(48, height), 9);
    GenerationSettings settings =
        new GenerationSettings(
            new GenerationSettings.Prompts("random numbers", ""),
            size,
            STEPS,
            new GuidanceSettings(groups.guidance() == 1 ? 1 : 5, false),
            OptionalDouble.empty(),
            new StartingLatents.Seed(3));
    RandomSizes sizes =
        new RandomSizes(
            model.name, RandomSizes.Scale.SMALL, OptionalInt.of(LAYERS), OptionalInt.of(HEADS));
    try (VideoPipeline pipeline = Pipelines.random(sizes);
        Denoising denoising = pipeline.prepare(settings)) {
      List<long[]> sent =
          InProcess.run(
              groups.world(), rank -> run(pipeline, settings, denoising, rank, groups, scheme));
      for (int rank = 0; rank < groups.world(); rank++) {
        long elements = sent.get(rank)[1];
        long tokens = elements / model.features;
        int place = rank / groups.tensor() % groups.sequence();
        long expected =
            STEPS * prediction(model, scheme, groups, tokens, place)
                + (groups.guidance() == 1 ? 0 : STEPS * Float.BYTES * elements);
        assertEquals(expected, sent.get(rank)[0], "rank " + rank + ", " + tokens + " tokens");
      }
    }
  }

  /** The bytes that a rank sent, and the elements of the latents. */
  private static long[] run(
      VideoPipeline pipeline,
      GenerationSettings settings,
      Denoising denoising,
      Communicator rank,
      RankGroups groups,
      Scheme scheme) {
    RankView view = RankView.of(RankPlace.of(rank, groups, 1), scheme);
    GenerationAttention.Settings how =
        new GenerationAttention.Settings(
            TestConfig.of(Map.of("LVSA_BACKEND", "vector")),
            StepCounting.EXAMPLES,
            KernelOptions.DEFAULT,
            Optional.empty());
    try (GenerationAttention attention =
        new GenerationAttention(how, pipeline.attended(settings.size()), LineLog.none(), view)) {
      float[] latents =
          denoising
              .forRank(view.place())
              .run(attention, Optional.empty(), (step, sample, history) -> {});
      return new long[] {rank.bytesSent(), latents.length};
    }
  }

  /** Bytes of one run of the model on one rank. */
  private static long prediction(
      Model model, Scheme scheme, RankGroups groups, long tokens, int place) {
    int ranks = groups.sequence();
    TokenRange mine = TokenRange.of((int) tokens, place, ranks);
    long part = mine.count();
    long heads = HEADS / groups.tensor();
    long attention =
        scheme == Scheme.GLOBAL_KV
            ? Float.BYTES
                * (ranks - 1L)
                * (2L * mine.real() * heads * model.headDim
                    + model.text * heads * (model.headDim + 1L))
            : byHeads(model, groups.ulysses(), heads, part)
                + round(model, groups.ring(), heads / groups.ulysses(), groups.ulysses() * part);
    long gathered = Float.BYTES * (ranks - 1L) * model.features * part;
    // With two ranks, a sum of m numbers is 4 m bytes.
    long summed = groups.tensor() == 1 ? 0 : Float.BYTES * model.summed(part);
    return LAYERS * (attention + summed) + gathered;
  }

  private static long byHeads(Model model, int ranks, long heads, long part) {
    long each = heads / ranks;
    return Float.BYTES * model.headDim * (ranks - 1L) * (4 * each * part + each * model.text);
  }

  private static long round(Model model, int ranks, long heads, long part) {
    return Float.BYTES
        * (ranks - 1L)
        * (2 * heads * model.headDim * part + model.text * heads * (model.headDim + 1L));
  }
}
