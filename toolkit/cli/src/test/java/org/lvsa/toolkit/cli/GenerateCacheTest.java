// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.Json;

/** {@code lvsa generate} with step caches and with a profile, on the tiny Wan model. */
class GenerateCacheTest {
  @TempDir private static Path shared;
  private static Path model;

  @TempDir private Path directory;

  @BeforeAll
  static void unpack() throws IOException {
    model = GoldenRun.wanModel(shared);
  }

  private Run generate(String out, Object... more) {
    List<Object> words =
        new ArrayList<>(
            List.of(
                "generate",
                "--model",
                model,
                "--prompt",
                "A cat walks",
                "--frames",
                "9",
                "--resolution",
                "32x32",
                "--steps",
                "8",
                "--guidance-scale",
                "3",
                "--output-type",
                "latent",
                "-o",
                directory.resolve(out)));
    words.addAll(List.of(more));
    return Run.lvsa(words.toArray());
  }

  private byte[] latents(String out, Object... more) throws IOException {
    Run run = generate(out, more);
    assertEquals(0, run.code(), run.err());
    return Files.readAllBytes(directory.resolve(out));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"residual_diff_threshold\": 0}",
        "{\"Fn_compute_blocks\": 2, \"residual_diff_threshold\": 1}",
        "{\"steps_computation_mask\": \"11111111\", \"residual_diff_threshold\": 1}"
      })
  void aCacheThatComputesEverythingChangesNothing(String config) throws IOException {
    byte[] plain = latents("plain.safetensors");
    Run run = generate("out.safetensors", "--cache-backend", "cache_dit", "--cache-config", config);
    assertEquals(0, run.code(), run.err());
    assertArrayEquals(plain, Files.readAllBytes(directory.resolve("out.safetensors")));
    assertTrue(run.err().contains("Cache-dit enabled successfully on WanPipeline"), run.err());
    assertTrue(run.out().contains("16 steps computed, 0 cached"), run.out());
  }

  @Test
  void cachedStepsAreCountedAndTwoRequestsAreEqual() throws IOException {
    String config = "{\"residual_diff_threshold\": 1, \"max_warmup_steps\": 3}";
    Object[] cached = {"--cache-backend", "cache_dit", "--cache-config", config};
    Run run = generate("a.safetensors", cached);
    assertEquals(0, run.code(), run.err());
    assertTrue(
        run.out().contains("cache cache_dit F1B0_W3I1M0MC3_R1.0: 8 steps computed, 8 cached"),
        run.out());
    assertTrue(run.out().contains("transformer.blocks cond ...CCC.C"), run.out());
    assertTrue(run.out().contains("transformer.blocks uncond ...CCC.C"), run.out());
    byte[] first = Files.readAllBytes(directory.resolve("a.safetensors"));
    byte[] between = latents("b.safetensors");
    assertFalse(Arrays.equals(first, between), "cached steps leave a trace");
    assertArrayEquals(first, latents("c.safetensors", cached));
    // Every rank decides alike.
    Object[] ranks = Arrays.copyOf(cached, 6);
    ranks[4] = "--ulysses-degree";
    ranks[5] = "3";
    Run three = generate("d.safetensors", ranks);
    assertEquals(0, three.code(), three.err());
    assertTrue(three.out().contains("8 steps computed, 8 cached"), three.out());
  }

  /** A broadcast without a distance is the published default, and does nothing. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{\"spatial_attention_block_skip_range\": 1, \"cross_attention_block_skip_range\": 1}"
      })
  void aCacheThatCannotKeepAnythingSaysSoAtBothEnds(String config) throws IOException {
    Run run = generate("out.safetensors", "--cache-backend", "pab", "--cache-config", config);
    assertEquals(0, run.code(), run.err());
    assertArrayEquals(
        latents("plain.safetensors"), Files.readAllBytes(directory.resolve("out.safetensors")));
    String reason = "--cache-backend pab computes every attention as long as --cache-config has no";
    assertEquals(
        1,
        run.err().lines().filter(line -> line.startsWith("warning: " + reason)).count(),
        run.err());
    assertTrue(run.out().contains(" 0 cached\n  " + reason), run.out());
    String skipping = "{\"cross_attention_block_skip_range\": 2}";
    Run other = generate("b.safetensors", "--cache-backend", "pab", "--cache-config", skipping);
    assertFalse((other.err() + other.out()).contains(reason), other.err() + other.out());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "none|{}|--cache-config belongs to a --cache-backend",
        "cachedit||Unsupported cache backend: cachedit. Supported: cache_dit,",
        "tea_cache||tea_cache has no published coefficients for WanPipeline: measure them with",
        "cache_dit|{\"Fn_compute_blocks\": 9}|must be at most the transformer's blocks (2), got 9",
        "cache_dit|{\"scm_steps_mask_policy\": \"slw\"}|unknown mask policy slw, the nearest is slow"
      })
  void whatDoesNotFitIsBadInput(String backend, String config, String message) {
    Run run =
        generate(
            "x.safetensors",
            "--cache-backend",
            backend,
            "--cache-config",
            config == null ? "" : config);
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().contains(message), run.err());
    assertFalse(Files.exists(directory.resolve("x.safetensors")));
  }

  @Test
  void aSweepMeasuresCachesWithDenseAndSparseAttentionAndGoesOn() throws IOException {
    Path folder = directory.resolve("sweep");
    Object[] words = {
      "sweep-cache",
      "--model",
      model,
      "--prompt",
      "A cat walks",
      "--frames",
      "9",
      "--resolution",
      "32x32",
      "--steps",
      "6",
      "--guidance-scale",
      "1",
      "-o",
      folder,
      "--sparsity-scales",
      "0.5,1",
      "--reference-frames",
      "2",
      "--window",
      "0",
      "--enable-layerwise-offload",
      "--cache",
      "first_block",
      "--cache",
      "cache_dit={\"residual_diff_threshold\": 1, \"max_warmup_steps\": 2}"
    };
    Run run = Run.lvsa(words);
    assertEquals(0, run.code(), run.err());
    assertTrue(run.err().contains("Layer-wise offloading enabled"), run.err());
    assertTrue(run.err().contains("[offload] before loading: encoding the prompts needs"));
    List<String> rows = Files.readAllLines(folder.resolve("cache.csv"));
    assertEquals(10, rows.size());
    assertTrue(
        rows.get(1).matches("dense,none,,,,[0-9.]+,[0-9.]+,Infinity,1.0,0.0,1.0,,"), rows.get(1));
    assertTrue(rows.get(3).contains(",3,3,"), "three steps are cached: " + rows.get(3));
    assertTrue(rows.get(3).endsWith("\"transformer.blocks cond ..CCC.\""), rows.get(3));
    assertTrue(rows.get(6).startsWith("lvsa,cache_dit,"), rows.get(6));
    assertTrue(rows.get(6).contains(",0.5,\"transformer"), rows.get(6));
    assertTrue(rows.get(9).contains(",1.0,\"transformer"), rows.get(9));
    assertTrue(Files.size(folder.resolve("cache-pareto.png")) > 1000);
    assertTrue(Json.read(folder.resolve("environment.json")).has("commit"));
    Object[] again = Arrays.copyOf(words, words.length + 1);
    again[words.length] = "--resume";
    assertEquals(0, Run.lvsa(again).code());
    assertEquals(rows, Files.readAllLines(folder.resolve("cache.csv")));
  }

  @Test
  @Tag("full")
  void aSweepOfScriptedCachesTimesRandomWeights() throws IOException {
    Path folder = directory.resolve("scripted");
    Run run =
        Run.lvsa(
            "sweep-cache",
            "--random-weights",
            "wan2.1-1.3b",
            "--layers",
            "2",
            "--frames",
            "5",
            "--resolution",
            "32x32",
            "--steps",
            "8",
            "--guidance-scale",
            "1",
            "--attentions",
            "dense",
            "--preset",
            "scripted",
            "--latents-only",
            "-o",
            folder);
    assertEquals(0, run.code(), run.err());
    List<CacheSweepRow> rows = CacheSweepRow.read(folder.resolve("cache.csv"));
    // No cache, four masks, each with and without TaylorSeer, three of MagCache.
    assertEquals(12, rows.size());
    assertTrue(rows.stream().allMatch(row -> row.psnrDb() == null));
    assertEquals("transformer.blocks cond ...C.CC.", rows.get(5).decisions());
    assertEquals("transformer.blocks cond ...C.CC.", rows.get(6).decisions());
    assertEquals("transformer.blocks cond ..C.C.C.", rows.get(9).decisions());
    assertEquals("transformer.blocks cond ..CCC.CC", rows.get(11).decisions());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--sparsity-scales 0.5 --attentions dense|--sparsity-scales belongs to --attentions with lvsa",
        "--sparsity-scales -1|LVSA_SPARSITY_SCALE",
        "--preset some|--preset",
        "--reps 0|--reps must be at least 1",
        "--dense-runs twice|--dense-runs",
        "--max-minutes 0|--max-minutes must be above 0, got 0.0",
        "--max-minutes NaN|--max-minutes must be above 0, got NaN"
      })
  void aSweepThatDoesNotFitIsBadInput(String options, String message) {
    List<Object> words = new ArrayList<>(List.of("sweep-cache", "--model", model));
    words.addAll(List.of("--prompt", "A cat", "-o", directory.resolve("no")));
    words.addAll(List.of(options.split(" ")));
    Run run = Run.lvsa(words.toArray());
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().contains(message), run.err());
    assertFalse(Files.exists(directory.resolve("no")));
  }

  /**
   * Where no time is left, the run that others are compared with is the only one; what is left out
   * is made later, compared with the dense runs of its own beginning.
   */
  @Test
  void aSweepThatHasNoTimeLeftGoesOnLater() throws IOException {
    List<Object> words = new ArrayList<>(List.of("sweep-cache", "--model", model));
    words.addAll(List.of("--prompt", "A cat walks", "--frames", "5", "--resolution", "32x32"));
    words.addAll(List.of("--steps", "6", "--guidance-scale", "1", "--dense-runs", "once"));
    words.addAll(List.of("--cache", "first_block={\"threshold\": 9}", "--latents-only"));
    words.addAll(List.of("-o", directory.resolve("short")));
    Path csv = directory.resolve("short").resolve("cache.csv");
    List<Object> limited = new ArrayList<>(words);
    limited.addAll(List.of("--max-minutes", "1e-9"));
    Run run = Run.lvsa(limited.toArray());
    assertEquals(0, run.code(), run.err());
    assertTrue(run.err().contains("3 runs are left out for --max-minutes: --resume makes them"));
    assertEquals(1, CacheSweepRow.read(csv).size());
    words.add("--resume");
    run = Run.lvsa(words.toArray());
    assertEquals(0, run.code(), run.err());
    List<CacheSweepRow> rows = CacheSweepRow.read(csv);
    assertEquals(4, rows.size());
    assertEquals(1, rows.getFirst().speedup(), "it is compared with itself");
    double dense = rows.get(1).seconds() * rows.get(1).speedup();
    for (CacheSweepRow row : rows.subList(2, 4)) {
      assertEquals(dense, row.seconds() * row.speedup(), 0.02 * dense, "one dense run for all");
    }
    // Nothing is missing any more, so that nothing runs.
    run = Run.lvsa(words.toArray());
    assertEquals(0, run.code(), run.err());
    assertFalse(run.err().contains("warming up"), run.err());
    assertEquals(rows, CacheSweepRow.read(csv));
  }

  /** Frames wider than a tile: blended edges change both videos, and so what lies between them. */
  @Test
  void aSweepDecodesInTilesWhereThatIsAskedFor() throws IOException {
    List<CacheSweepRow> whole = wideSweep("whole");
    List<CacheSweepRow> tiled = wideSweep("tiled", "--vae-tiling");
    assertEquals(whole.getLast().relL2Latents(), tiled.getLast().relL2Latents());
    assertNotEquals(whole.getLast().psnrDb(), tiled.getLast().psnrDb());
  }

  private List<CacheSweepRow> wideSweep(String out, String... more) throws IOException {
    List<Object> words = new ArrayList<>(List.of("sweep-cache", "--model", model));
    words.addAll(List.of("--prompt", "A cat walks", "--frames", "5", "--resolution", "320x16"));
    words.addAll(List.of("--steps", "4", "--guidance-scale", "1", "--attentions", "dense"));
    words.addAll(List.of("--cache", "first_block={\"threshold\": 9}"));
    words.addAll(List.of("-o", directory.resolve(out)));
    words.addAll(List.of(more));
    Run run = Run.lvsa(words.toArray());
    assertEquals(0, run.code(), run.err());
    List<CacheSweepRow> rows = CacheSweepRow.read(directory.resolve(out).resolve("cache.csv"));
    assertEquals(2, rows.size());
    return rows;
  }

  @Test
  void whatIsCalibratedIsACacheConfig() throws IOException {
    for (String method : List.of("teacache", "magcache")) {
      Path config = directory.resolve(method + ".json");
      Run run =
          Run.lvsa(
              "calibrate",
              method,
              "--model",
              model,
              "--prompt",
              "A cat walks",
              "--frames",
              "9",
              "--resolution",
              "32x32",
              "--steps",
              "8",
              "--guidance-scale",
              "1",
              "-o",
              config);
      assertEquals(0, run.code(), run.err());
      String backend = method.equals("teacache") ? "tea_cache" : "mag_cache";
      Run cached =
          generate(method + ".safetensors", "--cache-backend", backend, "--cache-config", config);
      assertEquals(0, cached.code(), cached.err());
      assertTrue(cached.out().contains("cache " + backend + " T0."), cached.out());
    }
  }

  @Test
  void aProfileIsAChromeTraceWhoseSpansNest() throws IOException {
    Path folder = directory.resolve("profile");
    byte[] profiled = latents("p.safetensors", "--profile", folder);
    assertArrayEquals(latents("plain.safetensors"), profiled);
    assertTrue(Files.size(folder.resolve("profile_rank0.jfr")) > 0);
    JsonNode trace = Json.read(folder.resolve("trace_rank0.json"));
    Map<String, Integer> spans = new HashMap<>();
    Map<Long, Deque<JsonNode>> open = new HashMap<>();
    Set<Long> named = new HashSet<>();
    for (JsonNode event : trace.get("traceEvents")) {
      for (String field : List.of("ph", "ts", "pid", "tid", "name")) {
        assertTrue(event.has(field), event.toString());
      }
      long thread = event.get("tid").longValue();
      if (event.get("ph").textValue().equals("M")) {
        named.add(thread);
        continue;
      }
      assertEquals("X", event.get("ph").textValue());
      assertTrue(event.get("dur").doubleValue() >= 0 && event.get("ts").doubleValue() >= 0);
      assertTrue(named.contains(thread), "threads are named first");
      spans.merge(event.get("cat").textValue(), 1, Integer::sum);
      Deque<JsonNode> around = open.computeIfAbsent(thread, key -> new ArrayDeque<>());
      while (!around.isEmpty() && end(around.peek()) <= event.get("ts").doubleValue()) {
        around.pop();
      }
      if (!around.isEmpty()) {
        assertTrue(end(event) <= end(around.peek()) + 1e-6, event + " in " + around.peek());
      }
      around.push(event);
    }
    assertEquals(8, spans.get("step"));
    assertEquals(8 * 2 * 2, spans.get("block"));
    assertEquals(8 * 2 * 2, spans.get("kernel"));
    assertTrue(spans.get("phase") >= 1, spans.toString());
  }

  @Test
  void transfersBetweenRanksAndFromFilesAreThere() throws IOException {
    Path ranks = directory.resolve("ranks");
    latents("r.safetensors", "--profile", ranks, "--ulysses-degree", "3");
    List<JsonNode> exchanges = transfers(ranks, "all-to-all");
    Set<Long> threads = new HashSet<>();
    exchanges.forEach(event -> threads.add(event.get("tid").longValue()));
    assertEquals(3, threads.size(), "one thread per rank");
    exchanges.forEach(event -> assertTrue(event.at("/args/bytes").longValue() > 0));

    Path layers = directory.resolve("layers");
    latents("l.safetensors", "--profile", layers, "--enable-layerwise-offload");
    // The first block is read once, and then always ahead: after the last one of the step before.
    assertEquals(8 * 2 + 1, transfers(layers, "read transformer.blocks.0").size());
    assertEquals(8 * 2, transfers(layers, "read transformer.blocks.1").size());
  }

  private static List<JsonNode> transfers(Path folder, String name) {
    List<JsonNode> found = new ArrayList<>();
    for (JsonNode event : Json.read(folder.resolve("trace_rank0.json")).get("traceEvents")) {
      if (event.path("cat").asText().equals("transfer")
          && event.get("name").asText().equals(name)) {
        found.add(event);
      }
    }
    return found;
  }

  private static double end(JsonNode span) {
    return span.get("ts").doubleValue() + span.get("dur").doubleValue();
  }
}
