// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;
import org.lvsa.toolkit.parallel.InProcess;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What is installed in a block: what it finds, what it says and what it falls back to. */
class AttentionProcessorTest {
  private static final LvsaProcessor HOOK = new LvsaProcessor("test_hook");
  private final List<String> log = Collections.synchronizedList(new ArrayList<>());

  private LvsaConfig config(String... namesAndValues) {
    return TestConfig.of(
        Map.of(
            "DIFFUSION_ATTENTION_BACKEND", "LVSA",
            "LVSA_BACKEND", "vector",
            "LVSA_REFERENCE_LATENT_FRAMES", "7",
            "LVSA_WINDOW_SIZE", "4"),
        namesAndValues);
  }

  private Generation generation(int frames, String... namesAndValues) {
    GenerationOptions options = GenerationOptions.of(config(namesAndValues));
    return new Generation(
        frames == 0 ? options : options.withLatentFrames(frames), (level, line) -> log.add(line));
  }

  private static Qkv qkv(int tokens, int heads, int kvHeads) {
    return new Qkv(random(tokens, heads), random(tokens, kvHeads), random(tokens, kvHeads));
  }

  private static INDArray random(int tokens, int heads) {
    return Nd4j.rand(DataType.FLOAT, 1, tokens, heads, 8).subi(0.5);
  }

  private static double distance(Attended one, Attended other) {
    double video = one.video().distance2(other.video());
    return one.text().isEmpty()
        ? video
        : video + one.text().get().distance2(other.text().orElseThrow());
  }

  // ---- the hook finds the frames

  @ParameterizedTest
  @CsvSource({
    // frames, patches, text: no list of candidates is needed
    "14, 6, 0",
    "14, 6, 5",
    "14, 1, 0",
    "21, 7, 3",
    "14, 390, 0",
    "15, 4, 200"
  })
  void theHookNeedsNoPatchesPerFrame(int frames, int patches, int text) {
    try (Generation generation = generation(frames)) {
      HOOK.attend(
          generation,
          0,
          qkv(frames * patches, 1, 1),
          text == 0 ? Optional.empty() : Optional.of(qkv(text, 1, 1)));
      assertTrue(
          log.contains(
              "[LVSA] Geometry detected: T_lat=%d P=%d text=%d video_seq=%d total=%d"
                  .formatted(frames, patches, text, frames * patches, frames * patches + text)),
          log.toString());
      assertTrue(generation.density() < 0.8, "density " + generation.density());
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 2, 2", "5, 2, 2", "5, 4, 2", "9, 3, 1"})
  void theHookAndTheBackendGiveTheSame(int text, int heads, int kvHeads) {
    Qkv video = qkv(14 * 6, heads, kvHeads);
    Optional<Qkv> words = text == 0 ? Optional.empty() : Optional.of(qkv(text, heads, kvHeads));
    try (Generation generation = generation(14, "LVSA_PATCHES_PER_FRAME", "6")) {
      Attended hooked = HOOK.attend(generation, 0, video, words);
      Attended plain = new BackendProcessor("").attend(generation, 0, video, words);
      assertEquals(0, distance(hooked, plain), 1e-6);
      assertEquals(text > 0, hooked.text().isPresent());
      assertArrayEquals(new long[] {1, 84, heads, 8}, hooked.video().shape());
      hooked.text().ifPresent(t -> assertEquals(text, t.size(1)));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 7})
  void upToTheHorizonTheHookIsDense(int frames) {
    Qkv video = qkv(frames * 6, 2, 2);
    try (Generation generation = generation(frames)) {
      Attended sparse = HOOK.attend(generation, 0, video, Optional.empty());
      assertEquals(1, generation.density());
      Attended dense = SelfAttention.dense(generation, video, Optional.empty());
      assertEquals(0, distance(sparse, dense), 1e-5);
    }
  }

  @ParameterizedTest
  @CsvSource({"vector, 0", "vector, 5", "nd4j, 0", "nd4j, 5", "reference, 0", "reference, 5"})
  void upToTheHorizonItEqualsTheDenseOneBitForBit(String backend, int text) {
    Qkv video = qkv(7 * 6, 2, 2);
    Optional<Qkv> words = text == 0 ? Optional.empty() : Optional.of(qkv(text, 2, 2));
    try (Generation sparse = generation(7, "LVSA_BACKEND", backend);
        Generation dense =
            generation(7, "LVSA_BACKEND", backend, "DIFFUSION_ATTENTION_BACKEND", "SDPA")) {
      AttentionProcessor one = AttentionProcessor.of(sparse.config(), "test");
      AttentionProcessor other = AttentionProcessor.of(dense.config(), "test");
      assertTrue(one instanceof LvsaProcessor && other instanceof BackendProcessor);
      Attended a = one.attend(sparse, 0, video, words);
      Attended b = other.attend(dense, 0, video, words);
      assertArrayEquals(NdMemory.floats(b.video()), NdMemory.floats(a.video()));
      assertEquals(text > 0, b.text().isPresent());
      if (text > 0) {
        assertArrayEquals(
            NdMemory.floats(b.text().orElseThrow()), NdMemory.floats(a.text().orElseThrow()));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 14, 40})
  void beyondItNothingIsNotANumber(int frames) {
    try (Generation generation = generation(frames)) {
      Attended out = HOOK.attend(generation, 0, qkv(frames * 6, 2, 2), Optional.of(qkv(3, 2, 2)));
      assertTrue(generation.density() < 1);
      assertFalse(out.video().isNaN().any());
      assertFalse(out.text().orElseThrow().isNaN().any());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.5", "0.75", "1.0", "1.5"})
  void theSparsityScaleIsObeyed(String scale) {
    try (Generation generation = generation(28, "LVSA_SPARSITY_SCALE", scale)) {
      HOOK.attend(generation, 0, qkv(28 * 4, 1, 1), Optional.empty());
      Pattern pattern = generation.pattern(new SequenceGeometry(28, 4, 0), 0);
      assertEquals(pattern.density(), generation.density(), 1e-12);
      int scaled = Math.max(2, (int) (7 * Double.parseDouble(scale)));
      assertTrue(pattern.attendedBy(14) <= Math.max(scaled + 2, 6), "" + pattern.attendedBy(14));
    }
  }

  @ParameterizedTest
  @CsvSource({"1, true", "0, false"})
  void windowsGrowOnlyIfTheyMay(String expand, boolean grown) {
    try (Generation generation =
        generation(28, "LVSA_EXPAND_WINDOW", expand, "LVSA_SPARSITY_SCALE", "1.5")) {
      Pattern pattern = generation.pattern(new SequenceGeometry(28, 4, 0), 0);
      boolean anyWider = pattern.windows().stream().anyMatch(w -> w.last() - w.first() + 1 > 3);
      assertEquals(grown, anyWider);
    }
  }

  @ParameterizedTest
  @CsvSource({"16, 4", "8, 2", "4, 1", "3, 1", "40, 10"})
  void aGivenIntervalIsInVideoFrames(String interval, int latent) {
    try (Generation generation =
        generation(28, "LVSA_AUTO_KEYFRAMES", "0", "LVSA_KEY_FRAME_INTERVAL", interval)) {
      assertEquals(
          latent, generation.pattern(new SequenceGeometry(28, 4, 0), 0).keyFrameInterval());
    }
  }

  // ---- and says so where it does not

  @ParameterizedTest
  @CsvSource({
    "14, 85, , 'origin=test_hook reason=geometry_mismatch seq_len=85 T_lat=14'",
    "14, 13, , 'origin=test_hook reason=geometry_mismatch seq_len=13 T_lat=14'",
    "14, 84, 7, 'origin=test_hook reason=geometry_mismatch seq_len=84 T_lat=14, P_given=[7]'",
    "0, 84, , 'origin=test_hook reason=no_t_lat seq_len=84 hint=set LVSA_TOTAL_LATENT_FRAMES'"
  })
  void whatDoesNotFitRunsDenseAndSaysSoOnce(int frames, int tokens, String patches, String line) {
    Qkv video = qkv(tokens, 1, 1);
    String[] given =
        patches == null ? new String[0] : new String[] {"LVSA_PATCHES_PER_FRAME", patches};
    try (Generation generation = generation(frames, given)) {
      Attended out = HOOK.attend(generation, 0, video, Optional.empty());
      HOOK.attend(generation, 1, video, Optional.empty());
      assertEquals(1, generation.density());
      assertEquals(
          0, distance(out, SelfAttention.dense(generation, video, Optional.empty())), 1e-6);
    }
    assertEquals(
        List.of(
            "[LVSA-FALLBACK] "
                + line
                + " -- falling back to DENSE attention (set LVSA_WARN_FALLBACK=0 to silence)"),
        log);
  }

  @Test
  void eachOriginReasonAndLengthIsSaidOnce() {
    LvsaProcessor other = new LvsaProcessor("other_hook");
    try (Generation generation = generation(14)) {
      for (int i = 0; i < 3; i++) {
        HOOK.attend(generation, i, qkv(15, 1, 1), Optional.empty());
        HOOK.attend(generation, i, qkv(16, 1, 1), Optional.empty());
        other.attend(generation, i, qkv(15, 1, 1), Optional.empty());
      }
    }
    assertEquals(3, log.stream().filter(l -> l.startsWith("[LVSA-FALLBACK]")).count());
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "false", "no", "off"})
  void fallbackLinesCanBeSilenced(String off) {
    try (Generation generation = generation(14, "LVSA_WARN_FALLBACK", off)) {
      HOOK.attend(generation, 0, qkv(15, 1, 1), Optional.empty());
    }
    assertEquals(List.of(), log);
  }

  @ParameterizedTest
  @CsvSource({"14, 15, geometry_mismatch", "0, 14, no_t_lat"})
  void underStrictAFallbackIsAnError(int frames, int tokens, String reason) {
    try (Generation generation = generation(frames, "LVSA_STRICT", "1")) {
      Qkv video = qkv(tokens, 1, 1);
      assertTrue(
          assertThrows(
                  IllegalStateException.class,
                  () -> HOOK.attend(generation, 0, video, Optional.empty()))
              .getMessage()
              .startsWith("LVSA_STRICT=1 and LVSA cannot run: origin=test_hook reason=" + reason));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"SDPA", "LVSA"})
  void aShardIsNotTakenForASequence(String name) throws Exception {
    List<String> messages =
        InProcess.run(
            2,
            ranks -> {
              try (Generation generation =
                  new Generation(
                      GenerationOptions.of(config("DIFFUSION_ATTENTION_BACKEND", name))
                          .withLatentFrames(14)
                          .withView(RankView.of(ranks, Scheme.ULYSSES)),
                      (level, line) -> log.add(line))) {
                INDArray q = random(42, 2);
                return assertThrows(
                        IllegalStateException.class,
                        () ->
                            DiffusionAttention.ofRole(generation, "self")
                                .attend(generation, 0, q, q, q))
                    .getMessage();
              }
            });
    assertEquals(
        "self-attention over 2 ranks needs a block's AttentionProcessor: the sequence here is one"
            + " rank's shard",
        messages.getFirst());
  }

  // ---- steps and patterns

  @Test
  void rotationGivesEachStepItsKeyframesAndComesRound() {
    Qkv video = qkv(28 * 4, 1, 1);
    try (Generation generation = generation(28, "LVSA_ROTATE_KEYFRAMES", "1")) {
      int interval = generation.pattern(new SequenceGeometry(28, 4, 0), 0).keyFrameInterval();
      List<INDArray> outputs = new ArrayList<>();
      for (int step = 0; step <= interval; step++) {
        generation.steps().setStep(step);
        outputs.add(HOOK.attend(generation, 0, video, Optional.empty()).video());
      }
      assertTrue(outputs.get(0).distance2(outputs.get(1)) > 1e-3);
      assertEquals(0, outputs.get(0).distance2(outputs.get(interval)), 1e-6);
      assertEquals(interval, generation.patternsBuilt());
    }
  }

  @Test
  void withoutRotationAStepChangesNothing() {
    Qkv video = qkv(28 * 4, 1, 1);
    try (Generation generation = generation(28)) {
      generation.steps().setStep(0);
      INDArray first = HOOK.attend(generation, 0, video, Optional.empty()).video();
      generation.steps().setStep(5);
      assertEquals(first, HOOK.attend(generation, 0, video, Optional.empty()).video());
      assertEquals(1, generation.patternsBuilt());
    }
  }

  @Test
  void anotherLengthOrFrameIsAnotherPattern() {
    try (Generation generation = generation(28)) {
      Pattern one = generation.pattern(new SequenceGeometry(28, 4, 0), 0);
      assertEquals(one, generation.pattern(new SequenceGeometry(28, 4, 9), 3));
      generation.pattern(new SequenceGeometry(28, 5, 0), 0);
      generation.pattern(new SequenceGeometry(29, 4, 0), 0);
      assertEquals(3, generation.patternsBuilt());
    }
  }

  @Test
  void guardedBoundariesArePartOfThePattern() {
    RankView guarded = new RankView(RankPlace.alone(), Scheme.GLOBAL_KV, 4, Optional.empty());
    try (Generation plain = generation(28);
        Generation more =
            new Generation(
                GenerationOptions.of(config()).withLatentFrames(28).withView(guarded),
                (level, line) -> log.add(line))) {
      SequenceGeometry geometry = new SequenceGeometry(28, 4, 0);
      assertEquals(List.of(), plain.pattern(geometry, 0).boundaryGuards());
      // Ranks of 7 frames, window 1.
      assertEquals(
          List.of(6, 7, 8, 13, 14, 15, 20, 21, 22), more.pattern(geometry, 0).boundaryGuards());
    }
  }

  @Test
  void everyLineOfTheMaskIsLogged() {
    try (Generation generation = generation(14, "LVSA_MASK_LOG", "once")) {
      for (int step = 0; step < 3; step++) {
        generation.steps().setStep(step);
        HOOK.attend(generation, 0, qkv(14 * 2, 1, 1), Optional.empty());
      }
      Pattern pattern = generation.pattern(new SequenceGeometry(14, 2, 0), 0);
      int first = log.indexOf(pattern.mask().getFirst());
      assertTrue(first > 0 && log.get(first - 1).startsWith("[LVSA-MASK] step=0  T_lat=14  W=1"));
      assertEquals(pattern.mask(), log.subList(first, first + 15));
      assertEquals(1, log.stream().filter(l -> l.startsWith("[LVSA-MASK]")).count());
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 4", "once, 1", "2, 1", "1-2, 2", "'0,3', 2", "9, 0", "0, 0"})
  void theMaskIsLoggedAtItsStepsWhateverTheNumberOfLayers(String selection, int times) {
    try (Generation generation = generation(14, "LVSA_MASK_LOG", selection)) {
      Qkv video = qkv(14, 1, 1);
      for (int step = 0; step < 4; step++) {
        generation.steps().setStep(step);
        for (int layer = 0; layer < 3; layer++) {
          HOOK.attend(generation, layer, video, Optional.empty());
        }
      }
    }
    assertEquals(times, log.stream().filter(l -> l.startsWith("[LVSA-MASK]")).count());
  }

  @Test
  void memoryIsWhatTheProcessHolds() {
    ProcessMemory memory = ProcessMemory.now();
    assertTrue(memory.allocated() > 0 && memory.allocated() <= memory.reserved());
    assertTrue(memory.peak() > 0);
    assertTrue(
        memory
            .toString()
            .matches("alloc=\\d+\\.\\d\\dGB reserved=\\d+\\.\\d\\dGB peak=\\d+\\.\\d\\dGB"),
        memory.toString());
  }

  @ParameterizedTest
  @CsvSource({
    "11, 7, CogVideoX 1.5 5B",
    "13, 7, 'CogVideoX 2B, CogVideoX 5B'",
    "21, 7, 'Wan 2.1 T2V 1.3B, Wan 2.1 T2V 14B, Wan 2.1 I2V 14B, Wan 2.2 T2V A14B'",
    "31, 7, Wan 2.2 TI2V 5B",
    "33, 21, HunyuanVideo 1.5"
  })
  void anotherModelsHorizonIsPointedOut(int frames, String reference, String model) {
    try (Generation generation = generation(frames, "LVSA_REFERENCE_LATENT_FRAMES", reference)) {
      HOOK.attend(generation, 0, qkv(frames, 1, 1), Optional.empty());
    }
    assertTrue(
        log.contains(
            "[LVSA] Warning: T_lat=%d is the training horizon of %s, and LVSA_REFERENCE_LATENT_FRAMES is %s: is it the right model's?"
                .formatted(frames, model, reference)),
        log.toString());
  }

  @ParameterizedTest
  @CsvSource({"21, 21", "33, 33", "20, 21", "40, 21"})
  void theModelsOwnHorizonIsNot(int frames, String reference) {
    try (Generation generation = generation(frames, "LVSA_REFERENCE_LATENT_FRAMES", reference)) {
      HOOK.attend(generation, 0, qkv(frames, 1, 1), Optional.empty());
    }
    assertTrue(log.stream().noneMatch(l -> l.contains("Warning")), log.toString());
  }

  @ParameterizedTest
  @CsvSource({
    // T, window in video frames, reference; window in force, SPARSE or DENSE
    "28, 4, 7, 1, SPARSE",
    "7, 4, 7, 1, DENSE",
    "14, 24, 7, 3, SPARSE",
    "30, 56, 21, 10, SPARSE",
    "20, 56, 21, 14, DENSE"
  })
  void theSummarySaysWhatIsInForce(
      int frames, String window, String reference, int inForce, String mode) {
    try (Generation generation =
        generation(frames, "LVSA_WINDOW_SIZE", window, "LVSA_REFERENCE_LATENT_FRAMES", reference)) {
      HOOK.attend(generation, 0, qkv(frames * 2, 1, 1), Optional.empty());
      Pattern pattern = generation.pattern(new SequenceGeometry(frames, 2, 0), 0);
      assertEquals(inForce, pattern.settings().window());
      assertTrue(
          log.contains(
              "[LVSA] window=%d kfi=%d |G|=%d attended_per_frame=%d of %d -> %s backend=%s"
                  .formatted(
                      inForce,
                      pattern.keyFrameInterval(),
                      pattern.globalFrames().size(),
                      pattern.attendedBy(frames / 2),
                      frames,
                      mode,
                      log.stream()
                          .filter(l -> l.startsWith("[LVSA] window="))
                          .map(l -> l.substring(l.indexOf("backend=") + 8))
                          .findFirst()
                          .orElse("none"))),
          log.toString());
    }
  }

  @ParameterizedTest
  @CsvSource({"f16, 1e-3, 1", "bf16, 5e-3, 1", "F16, 1e-3, 2", "bf16, 5e-3, 2"})
  void kernelsAreGivenNarrowNumbersIfAsked(String dtype, double bound, int world) throws Exception {
    Qkv video = qkv(14 * 6, 2, 2);
    Optional<Qkv> text = Optional.of(qkv(5, 2, 2));
    Attended exact;
    try (Generation generation = generation(14)) {
      exact = HOOK.attend(generation, 0, video, text);
    }
    double[] errors = new double[world];
    InProcess.run(
        world,
        ranks -> {
          long part = 84 / world;
          long first = ranks.rank() * part;
          Qkv mine =
              new Qkv(
                  NdMemory.tokens(video.query(), first, first + part),
                  NdMemory.tokens(video.key(), first, first + part),
                  NdMemory.tokens(video.value(), first, first + part));
          try (Generation generation =
              new Generation(
                  GenerationOptions.of(config("LVSA_DTYPE", dtype))
                      .withLatentFrames(14)
                      .withView(RankView.of(ranks, Scheme.ULYSSES)),
                  (level, line) -> log.add(line))) {
            Attended narrow = HOOK.attend(generation, 0, mine, text);
            INDArray wanted = NdMemory.tokens(exact.video(), first, first + part);
            errors[ranks.rank()] =
                narrow.video().distance2(wanted) / wanted.norm2Number().doubleValue();
            return narrow;
          }
        });
    for (double error : errors) {
      assertTrue(error > 1e-6 && error < bound, "error " + error);
    }
    assertTrue(
        log.stream().anyMatch(l -> l.contains(" dtype=" + dtype.toLowerCase(Locale.ROOT) + " (")),
        log.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"ar-EG", "tr-TR"})
  void linesAreTheSameInEveryLocale(String tag) throws Exception {
    Locale before = Locale.getDefault();
    try {
      Locale.setDefault(Locale.forLanguageTag(tag));
      try (Generation generation =
          generation(13, "LVSA_MASK_LOG", "1", "LVSA_MEM_LOG", "1", "LVSA_STEP_TIME_LOG", "1")) {
        for (int step = 0; step < 3; step++) {
          generation.steps().setStep(step);
          HOOK.attend(generation, 0, qkv(13 * 6, 1, 1), Optional.empty());
        }
        HOOK.attend(generation, 1, qkv(15, 1, 1), Optional.empty());
      }
      assertThrows(
          IllegalStateException.class,
          () ->
              InProcess.run(
                  2,
                  ranks -> {
                    try (Generation generation =
                        new Generation(
                            GenerationOptions.of(config("LVSA_STRICT", "1"))
                                .withLatentFrames(14)
                                .withView(RankView.of(ranks, Scheme.ULYSSES)),
                            LineLog.none())) {
                      return new BackendProcessor("LVSA_WAN_HOOK=1")
                          .attend(generation, 0, qkv(42, 2, 2), Optional.empty());
                    }
                  }));
    } finally {
      Locale.setDefault(before);
    }
    for (String line :
        List.of(
            "[LVSA] Geometry detected: T_lat=13 P=6 text=0 video_seq=78 total=78",
            "[LVSA] reference_latent_frames=7 target_latent_frames=13 extension_ratio=1.86x")) {
      assertTrue(log.contains(line), log.toString());
    }
    for (String line : log) {
      assertTrue(line.chars().noneMatch(c -> Character.isDigit(c) && (c < '0' || c > '9')), line);
    }
  }

  @Test
  void linesHaveLevels() {
    List<String> levels = new ArrayList<>();
    try (Generation generation =
        new Generation(
            GenerationOptions.of(config()).withLatentFrames(13),
            (level, line) -> levels.add(level + " " + line.substring(0, 12)))) {
      HOOK.attend(generation, 0, qkv(13 * 6, 1, 1), Optional.empty());
      HOOK.attend(generation, 1, qkv(15, 1, 1), Optional.empty());
    }
    assertTrue(levels.contains("INFO [LVSA] windo"), levels.toString());
    assertTrue(levels.contains("WARN [LVSA] Warni"), levels.toString());
    assertTrue(levels.contains("WARN [LVSA-FALLBA"), levels.toString());
  }

  @Test
  void severalSequencesAtOnceAreEachItsOwn() {
    Qkv one = qkv(14 * 6, 2, 1);
    Qkv other = qkv(14 * 6, 2, 1);
    Qkv both =
        new Qkv(
            Nd4j.concat(0, one.query(), other.query()),
            Nd4j.concat(0, one.key(), other.key()),
            Nd4j.concat(0, one.value(), other.value()));
    try (Generation generation = generation(14)) {
      INDArray together = HOOK.attend(generation, 0, both, Optional.empty()).video();
      INDArray first = HOOK.attend(generation, 1, one, Optional.empty()).video();
      INDArray second = HOOK.attend(generation, 2, other, Optional.empty()).video();
      assertEquals(0, together.distance2(Nd4j.concat(0, first, second)), 1e-5);
    }
  }
}
