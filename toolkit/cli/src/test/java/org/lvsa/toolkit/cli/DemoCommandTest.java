// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DemoCommandTest {
  private static final String SMALL =
      "demo --frames 161 --steps 2 --layers 2 --grid 2x3 --backend vector";

  private static Run run(String arguments, Object... more) {
    List<Object> words = new ArrayList<>(List.of(arguments.split(" ")));
    words.addAll(List.of(more));
    return Run.lvsa(words.toArray());
  }

  /** The table's lines of steps, split into their numbers. */
  private static List<String[]> steps(Run run) {
    return run.out().lines().filter(l -> l.matches("\\d+ +\\d.*")).map(l -> l.split(" +")).toList();
  }

  @Test
  void bothAttentionsDenoiseWithThePublishedLines() {
    Run run = run(SMALL + " --model wan2.1-1.3b --rotate-keyframes");
    assertEquals(0, run.code(), run.err());
    for (String line :
        List.of(
            "[LVSA-hook] Installed LVSA hook on WanSelfAttention (2 blocks, T_lat=41,"
                + " sparsity_scale=1.0)",
            "[LVSA] Geometry detected: T_lat=41 P=6 text=0 video_seq=246 total=246",
            "[LVSA] reference_latent_frames=21 target_latent_frames=41 extension_ratio=1.95x",
            "[LVSA] Step counter auto-calibrated: n_blocks=2 cfg_passes=1")) {
      assertTrue(run.err().contains(line), line + " is not in " + run.err());
    }
    assertTrue(run.err().contains("[LVSA] window=3 kfi=3 |G|=14 attended_per_frame=21 of 41"));
    assertTrue(run.out().startsWith("Wan 2.1 T2V 1.3B, 161 video frames: 41 latent frames of 2x3"));
    assertEquals(2, steps(run).size());
    for (String[] step : steps(run)) {
      // step, SDPA attention and all, LVSA attention and all, speed-up, attended "of" T, difference
      assertEquals("41", step[8], String.join(" ", step));
      double attended = Double.parseDouble(step[6]);
      assertTrue(attended >= 20 && attended < 30, "attended " + attended);
      double difference = Double.parseDouble(step[9]);
      assertTrue(difference > 1e-4 && difference < 0.5, "difference " + difference);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, --ulysses-degree, 2, threads",
    "hunyuanvideo-1.5, --global-kv-degree, 3, processes"
  })
  void ranksGiveWhatOneRankGives(String model, String option, int world, String ranks) {
    checkRanks(model, option, world, ranks);
  }

  @Tag("full")
  @ParameterizedTest
  @CsvSource({
    "wan2.1-14b, --ulysses-degree, 3, threads",
    "hunyuanvideo-1.5, --ulysses-degree, 2, threads",
    "cogvideox1.5-5b, --ulysses-degree, 2, threads",
    "wan2.1-1.3b, --global-kv-degree, 3, threads",
    "hunyuanvideo-1.5, --global-kv-degree, 2, threads",
    "cogvideox-5b, --global-kv-degree, 2, threads",
    "wan2.1-1.3b, --ulysses-degree, 2, processes"
  })
  void ranksOfEveryModelGiveWhatOneRankGives(String model, String option, int world, String ranks) {
    checkRanks(model, option, world, ranks);
  }

  private static void checkRanks(String model, String option, int world, String ranks) {
    Run run = run(SMALL + " --model " + model, option, world, "--ranks", ranks);
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains(world + " ranks, by "), run.out());
    assertEquals(2, steps(run).size());
    for (String[] step : steps(run)) {
      assertTrue(Double.parseDouble(step[11]) > 0, "MB sent: " + step[11]);
      assertTrue(Double.parseDouble(step[12]) < 1e-5, "difference: " + step[12]);
    }
    assertTrue(!run.err().contains("FALLBACK"), run.err());
  }

  @ParameterizedTest
  @ValueSource(strings = {"ar-EG", "tr-TR"})
  void digitsAreTheSameInEveryLocale(String tag) {
    Locale before = Locale.getDefault();
    try {
      Locale.setDefault(Locale.forLanguageTag(tag));
      Run run = run(SMALL + " --ulysses-degree 2 --model hunyuanvideo-1.5");
      assertEquals(0, run.code(), run.err());
      String text = run.out() + run.err();
      assertTrue(text.chars().noneMatch(c -> Character.isDigit(c) && c > '9'), text);
      assertEquals(2, steps(run).size(), text);
    } finally {
      Locale.setDefault(before);
    }
  }

  private static void assertContains(String text, String... lines) {
    for (String line : lines) {
      assertTrue(text.contains(line), line + " is not in " + text);
    }
  }

  @Test
  void theEnvironmentCountsAndADenseRunIsNotCalledSparse() {
    Run run =
        Run.with(
            Map.of("LVSA_WAN_HOOK", "0", "LVSA_WINDOW_SIZ", "8"),
            (Object[]) (SMALL + " --ulysses-degree 2").split(" "));
    assertEquals(0, run.code(), run.err());
    assertContains(
        run.err(),
        "unknown variable LVSA_WINDOW_SIZ, the nearest is LVSA_WINDOW_SIZE",
        "[LVSA-FALLBACK] origin=attend reason=pre_sharded seq_len=123 rank=0, world=2");
    assertContains(
        run.out(),
        "NOT THE SAME PATTERN: on 2 ranks, by heads a frame attended to 41.0 of 41 frames");
  }

  private static final Map<String, String> VARIABLES =
      Map.of(
          "LVSA_SPARSITY_SCALE", "0.5",
          "LVSA_BACKEND", "reference",
          "LVSA_DTYPE", "bf16",
          "LVSA_ROTATE_KEYFRAMES", "1",
          "LVSA_CFG_PASSES", "2",
          "LVSA_MASK_LOG", "1");

  @Test
  void variablesReachTheRunWhereNoOptionWasTyped() {
    Run run =
        Run.with(
            VARIABLES, (Object[]) "demo --frames 161 --steps 3 --layers 1 --grid 2x3".split(" "));
    assertEquals(0, run.code(), run.err());
    assertContains(
        run.err(),
        "(1 blocks, T_lat=41, sparsity_scale=0.5)",
        "backend=reference dtype=bf16",
        "Step counter auto-calibrated: n_blocks=1 cfg_passes=2",
        // Two passes per step: three calls are steps 0, 0 and 1, whose keyframes have moved on.
        "[LVSA-MASK] step=1  T_lat=41");
    assertTrue(!run.err().contains("[LVSA-MASK] step=2"), run.err());
  }

  @Test
  void whatWasTypedOverrulesThem() {
    Run run =
        Run.with(
            VARIABLES,
            (Object[])
                ("demo --frames 161 --steps 1 --layers 1 --grid 2x3 --sparsity-scale 0.75"
                        + " --backend vector --dtype f16")
                    .split(" "));
    assertEquals(0, run.code(), run.err());
    assertContains(
        run.err(), "(1 blocks, T_lat=41, sparsity_scale=0.75)", "backend=vector dtype=f16");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--layers 2147483647",
        "--grid 9999x9999 --frames 41",
        "--grid 9999x9999 --frames 81",
        "--steps 2147483647",
        "--heads 2147483647",
        "--frames 2147483645",
        "--ulysses-degree 2147483647",
        "--global-kv-degree 2147483647",
        "--layers 2147483647 --steps 2147483647 --grid 9999x9999 --frames 1"
      })
  void whatCannotFitIsRefusedInOneLineBeforeAnythingIsAllocated(String arguments) {
    Run run = run("demo " + arguments);
    assertEquals(2, run.code(), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
    assertTrue(run.err().startsWith("lvsa: "), run.err());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--model mochi | unknown model mochi, the nearest is ",
        "--steps 0 | --steps must be at least 1 and at most 100000, got 0",
        "--layers 0 | layers must be at least 1, got 0",
        "--grid 6by10 | --grid must be ROWSxCOLUMNS, from 1x1 to 9999x9999, got 6by10",
        "--ulysses-degree 0 | --ulysses-degree must be at least 1, got 0",
        "--ulysses-degree 2 --global-kv-degree 2 | give --ulysses-degree or --global-kv-degree, not"
            + " both",
        "--ulysses-degree 2 --heads 3 | heads must be a multiple of --ulysses-degree (2), got 3:"
            + " try one of [1, 3]",
        "--riflex 0.5 | scale must be at least 1, got 0.5",
        "--model wan2.2-ti2v-5b | unknown model with random weights wan2.2-ti2v-5b",
        "--riflex 2 --model cogvideox-2b | RIFLEx is not supported by this pipeline",
        "--frames 0 | frames must be at least 1, got 0",
        "--sparsity-scale 0 | LVSA_SPARSITY_SCALE must be a number above 0, got 0",
        "--backend warp | unknown backend warp, the nearest is "
      })
  void badInputIsOneLineAndCodeTwo(String arguments, String message) {
    Run run = run("demo " + arguments);
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().startsWith("lvsa: " + message), run.err());
  }
}
