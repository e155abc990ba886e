// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.pattern.Pattern;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class DiffusionAttentionTest {
  private static final int PATCHES = 6;
  private final List<String> log = Collections.synchronizedList(new ArrayList<>());

  private LvsaConfig config(String... namesAndValues) {
    return TestConfig.of(
        Map.of(
            "DIFFUSION_ATTENTION_BACKEND", "LVSA",
            "LVSA_BACKEND", "vector",
            "LVSA_PATCHES_PER_FRAME", "" + PATCHES,
            "LVSA_REFERENCE_LATENT_FRAMES", "7",
            "LVSA_WINDOW_SIZE", "4"),
        namesAndValues);
  }

  private Generation generation(int frames, String... namesAndValues) {
    GenerationOptions options = GenerationOptions.of(config(namesAndValues));
    return new Generation(
        frames == 0 ? options : options.withLatentFrames(frames), (level, line) -> log.add(line));
  }

  private static INDArray random(int tokens, int heads) {
    return Nd4j.rand(DataType.FLOAT, 1, tokens, heads, 16).subi(0.5);
  }

  private static INDArray attend(Generation generation, INDArray q, INDArray k, INDArray v) {
    return DiffusionAttention.ofRole(generation, "self").attend(generation, "block 0", q, k, v);
  }

  /** Straightforward float64 attention over the frames of a layout. */
  private static double[][][] reference(
      INDArray q, INDArray k, INDArray v, BlockSparseLayout layout, int frames, int patches) {
    int tokens = (int) q.size(1);
    int heads = (int) q.size(2);
    int group = heads / (int) k.size(2);
    double[][][] out = new double[tokens][heads][(int) q.size(3)];
    for (int t = 0; t < tokens; t++) {
      List<Integer> keys = new ArrayList<>();
      for (int other = 0; other < k.size(1); other++) {
        boolean textQuery = t >= frames * patches;
        boolean textKey = other >= frames * patches;
        boolean seen = textQuery || textKey;
        for (int i = 0; !seen && i < layout.count(t / patches); i++) {
          seen = layout.index(t / patches, i) == other / patches;
        }
        if (seen) {
          keys.add(other);
        }
      }
      for (int h = 0; h < heads; h++) {
        double[] weights = new double[keys.size()];
        double total = 0;
        for (int i = 0; i < weights.length; i++) {
          double score = 0;
          for (int d = 0; d < q.size(3); d++) {
            score += q.getDouble(0, t, h, d) * k.getDouble(0, keys.get(i), h / group, d);
          }
          weights[i] = Math.exp(score / Math.sqrt(q.size(3)));
          total += weights[i];
        }
        for (int i = 0; i < weights.length; i++) {
          for (int d = 0; d < q.size(3); d++) {
            out[t][h][d] += weights[i] / total * v.getDouble(0, keys.get(i), h / group, d);
          }
        }
      }
    }
    return out;
  }

  private static void assertClose(double[][][] expected, INDArray actual) {
    for (int t = 0; t < expected.length; t++) {
      for (int h = 0; h < expected[t].length; h++) {
        for (int d = 0; d < expected[t][h].length; d++) {
          assertEquals(
              expected[t][h][d], actual.getDouble(0, t, h, d), 1e-4, t + " " + h + " " + d);
        }
      }
    }
  }

  @Test
  void sparseWithTextAndGroupedHeadsIsTheReference() {
    int frames = 14;
    int tokens = frames * PATCHES + 5;
    try (Generation generation = generation(frames)) {
      INDArray q = random(tokens, 4);
      INDArray k = random(tokens, 2);
      INDArray v = random(tokens, 2);
      INDArray out = attend(generation, q, k, v);
      Pattern pattern = generation.pattern(new SequenceGeometry(frames, PATCHES, 5), 0);
      assertTrue(pattern.density() < 0.7, "density " + pattern.density());
      assertClose(reference(q, k, v, pattern.layout(), frames, PATCHES), out);
    }
  }

  @Test
  void theSameCodeRunsDenseUnderSdpa() {
    try (Generation generation = generation(14, "DIFFUSION_ATTENTION_BACKEND", "SDPA")) {
      INDArray q = random(84, 2);
      assertClose(
          reference(q, q, q, BlockSparseLayout.dense(14), 14, PATCHES),
          attend(generation, q, q, q));
      assertEquals(List.of(), log);
    }
  }

  @Test
  void crossAttentionIsDenseWithoutAWord() {
    try (Generation generation = generation(14)) {
      INDArray q = random(84, 4);
      INDArray k = random(9, 2);
      INDArray v = random(9, 2);
      INDArray out = attend(generation, q, k, v);
      assertClose(reference(q, k, v, BlockSparseLayout.dense(14), 14, PATCHES), out);
      assertEquals(List.of(), log);
      assertEquals("SDPA", DiffusionAttention.ofRole(generation, "cross").name());
    }
  }

  @Test
  void theLinesAreThePublishedOnesAndComeOnce() {
    try (Generation generation = generation(14, "LVSA_N_BLOCKS", "2")) {
      INDArray q = random(14 * PATCHES + 5, 1);
      attend(generation, q, q, q);
      attend(generation, q, q, q);
    }
    assertEquals(
        1,
        log.stream()
            .filter("[LVSA] Geometry detected: T_lat=14 P=6 text=5 video_seq=84 total=89"::equals)
            .count());
    assertTrue(
        log.contains(
            "[LVSA] reference_latent_frames=7 target_latent_frames=14 extension_ratio=2.00x"));
    assertTrue(log.contains("[LVSA] Step counter: n_blocks=2 (from env)"));
    assertEquals(1, log.stream().filter(line -> line.startsWith("[LVSA] window=")).count());
  }

  @Test
  void aSequenceThatDoesNotFitRunsDenseAndSaysSoOnce() {
    try (Generation generation = generation(14)) {
      INDArray q = random(50, 1);
      INDArray out = attend(generation, q, q, q);
      attend(generation, q, q, q);
      assertClose(reference(q, q, q, BlockSparseLayout.dense(1), 1, 50), out);
      INDArray longer = random(51, 1);
      attend(generation, longer, longer, longer);
    }
    assertEquals(
        List.of(
            "[LVSA-FALLBACK] origin=attend reason=geometry_detect seq_len=50 T_lat=14,"
                + " P_tried=[6] -- falling back to DENSE attention (set LVSA_WARN_FALLBACK=0 to"
                + " silence)",
            "[LVSA-FALLBACK] origin=attend reason=geometry_detect seq_len=51 T_lat=14,"
                + " P_tried=[6] -- falling back to DENSE attention (set LVSA_WARN_FALLBACK=0 to"
                + " silence)"),
        log);
  }

  @Test
  void withoutALengthItSaysWhatIsMissing() {
    try (Generation generation = generation(0)) {
      INDArray q = random(84, 1);
      attend(generation, q, q, q);
    }
    assertEquals(1, log.size());
    assertTrue(log.getFirst().contains("reason=no_t_lat seq_len=84 hint=set"), log.getFirst());
  }

  @Test
  void fallbacksCanBeSilencedOrForbidden() {
    INDArray q = random(50, 1);
    try (Generation generation = generation(14, "LVSA_WARN_FALLBACK", "0")) {
      attend(generation, q, q, q);
      assertEquals(List.of(), log);
    }
    try (Generation generation = generation(14, "LVSA_STRICT", "1")) {
      assertTrue(
          assertThrows(IllegalStateException.class, () -> attend(generation, q, q, q))
              .getMessage()
              .contains("reason=geometry_detect"));
    }
  }

  @Test
  void theConfiguredLengthGoesBeforeTheRequest() {
    try (Generation generation = generation(99, "LVSA_TOTAL_LATENT_FRAMES", "14")) {
      assertEquals(OptionalInt.of(14), generation.latentFrames());
    }
  }

  @Test
  void anotherModelsHorizonIsPointedOut() {
    try (Generation generation = generation(21)) {
      INDArray q = random(21 * PATCHES, 1);
      attend(generation, q, q, q);
    }
    assertTrue(
        log.stream()
            .anyMatch(
                l -> l.startsWith("[LVSA] Warning: T_lat=21 is the training horizon of Wan")));
  }

  @Test
  void anUnknownAttentionIsNamed() {
    try (Generation generation = generation(14, "DIFFUSION_ATTENTION_BACKEND", "FLASH")) {
      assertEquals(
          "DIFFUSION_ATTENTION_BACKEND must be one of LVSA, SDPA for the role self, got FLASH",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> DiffusionAttention.ofRole(generation, "self"))
              .getMessage());
    }
  }

  @Test
  void rotationChangesThePatternAndEachOffsetIsBuiltOnce() {
    try (Generation generation = generation(28, "LVSA_ROTATE_KEYFRAMES", "1")) {
      SequenceGeometry geometry = new SequenceGeometry(28, PATCHES, 0);
      Pattern first = generation.pattern(geometry, 0);
      int interval = first.keyFrameInterval();
      assertTrue(interval > 2, "interval " + interval);
      Pattern second = generation.pattern(geometry, 1);
      assertTrue(!first.globalFrames().equals(second.globalFrames()));
      for (int step = 0; step < 5 * interval; step++) {
        generation.pattern(geometry, step);
      }
      assertEquals(interval, generation.patternsBuilt());
      assertEquals(first.globalFrames(), generation.pattern(geometry, interval).globalFrames());
    }
    try (Generation still = generation(28)) {
      SequenceGeometry geometry = new SequenceGeometry(28, PATCHES, 0);
      assertEquals(
          still.pattern(geometry, 0).globalFrames(), still.pattern(geometry, 1).globalFrames());
    }
  }

  @Test
  void maskTimeAndMemoryAreLoggedByStep() {
    try (Generation generation =
        generation(14, "LVSA_MASK_LOG", "1-2", "LVSA_MEM_LOG", "1", "LVSA_STEP_TIME_LOG", "1")) {
      INDArray q = random(84, 1);
      for (int step = 0; step < 4; step++) {
        generation.steps().setStep(step);
        attend(generation, q, q, q);
        attend(generation, q, q, q);
      }
    }
    List<String> masks = log.stream().filter(line -> line.startsWith("[LVSA-MASK]")).toList();
    assertEquals(2, masks.size());
    assertTrue(masks.getFirst().startsWith("[LVSA-MASK] step=1  T_lat=14  W=1  |G|="));
    assertEquals(3, log.stream().filter(line -> line.startsWith("[LVSA-MEM] step=")).count());
    List<String> times = log.stream().filter(line -> line.startsWith("[LVSA-TIME]")).toList();
    assertEquals(3, times.size());
    assertTrue(times.getFirst().matches("\\[LVSA-TIME] step=0 dt=\\d+\\.\\d{3}s"));
  }

  @Test
  void geometryTakesTheFirstCandidateWithAShortText() {
    assertEquals(
        Optional.of(new SequenceGeometry(33, 1560, 512)),
        SequenceGeometry.detect(33 * 1560 + 512, 33, List.of(1560)));
    assertEquals(
        Optional.of(new SequenceGeometry(3, 10, 0)),
        SequenceGeometry.detect(30, 3, List.of(40, 10)));
    assertEquals(Optional.empty(), SequenceGeometry.detect(29, 3, List.of(10)));
    assertEquals(Optional.empty(), SequenceGeometry.detect(60, 3, List.of(10)));
    assertEquals(
        Optional.of(new SequenceGeometry(3, 10, 29)), SequenceGeometry.detect(59, 3, List.of(10)));
  }

  @Test
  void stepsAreCountedFromTheFirstRepeatedLayer() {
    List<String> said = new ArrayList<>();
    StepTracker tracker = new StepTracker(StepCounting.PLUGIN, OptionalInt.empty(), 2, said::add);
    Object[] layers = {new Object(), new Object(), new Object()};
    int[] steps = IntStream.range(0, 18).map(call -> tracker.tick(layers[call % 3], 100)).toArray();
    assertArrayEquals(new int[] {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2}, steps);
    assertEquals(List.of("[LVSA] Step counter auto-calibrated: n_blocks=3 cfg_passes=2"), said);
    // Another length is another generation; the blocks stay known.
    assertEquals(0, tracker.tick(layers[0], 200));
    tracker.reset();
    assertEquals(0, tracker.tick(layers[0], 200));
    tracker.setStep(9);
    assertEquals(9, tracker.tick(layers[0], 200));
    assertEquals(9, tracker.step());
  }

  @Test
  void knownBlocksAreCountedFromTheStart() {
    StepTracker tracker = new StepTracker(StepCounting.PLUGIN, OptionalInt.of(2), 1, line -> {});
    assertArrayEquals(
        new int[] {0, 0, 1, 1, 2},
        IntStream.range(0, 5).map(call -> tracker.tick("layer " + call % 2, 10)).toArray());
  }

  @Test
  void generationsAtOnceDoNotDisturbEachOther() throws InterruptedException {
    List<Integer> last = Collections.synchronizedList(new ArrayList<>());
    List<Thread> threads = new ArrayList<>();
    for (int blocks = 1; blocks <= 4; blocks++) {
      int count = blocks;
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    StepTracker tracker =
                        new StepTracker(StepCounting.PLUGIN, OptionalInt.empty(), 1, line -> {});
                    int step = 0;
                    for (int call = 0; call < 12; call++) {
                      step = tracker.tick("b" + call % count, 10 * count);
                      Thread.yield();
                    }
                    last.add(count * (step + 1));
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertEquals(List.of(12, 12, 12, 12), last);
  }
}
