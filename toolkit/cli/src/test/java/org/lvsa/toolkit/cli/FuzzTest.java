// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.Golden;
import org.lvsa.toolkit.Mutator;

/**
 * Damaged files through the command line: each gives a result or a clean refusal (exit code 2, at
 * most four lines), with nothing left behind, no crash and no hang. {@code .ci/fuzz} runs
 * thousands; here are a few with a new seed each time.
 */
class FuzzTest {
  private static final Duration LONGEST = Duration.ofSeconds(60);

  @TempDir private Path directory;

  /** Runs a command on mutations of a file, and judges every run. */
  private void fuzz(byte[] original, String name, int few, Function<Path, Object[]> command)
      throws IOException {
    long seed = Long.getLong("lvsa.fuzz.seed", System.nanoTime());
    Mutator mutator = new Mutator(seed);
    Path file = directory.resolve(name);
    Path out = directory.resolve("out.safetensors");
    int count = name.endsWith(".csv") ? Mutator.count(10 * few) / 10 : Mutator.count(few);
    for (int i = 0; i < count; i++) {
      byte[] mutated = mutator.mutate(original);
      Files.write(file, mutated);
      List<Path> before = files();
      String where = "mutation " + i + " of " + name + ", -Dlvsa.fuzz.seed=" + seed;
      Run run = assertTimeoutPreemptively(LONGEST, () -> Run.lvsa(command.apply(file)), where);
      assertTrue(run.code() == 0 || run.code() == 2, where + ": " + run);
      if (run.code() == 2) {
        assertTrue(run.err().startsWith("lvsa: "), where + ": " + run.err());
        assertTrue(run.err().lines().count() <= 4, where + ": " + run.err());
        assertTrue(run.err().length() < 2000, where + ": " + run.err());
        assertEquals(before, files(), where + ": left behind");
      }
      Files.deleteIfExists(out);
    }
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      return all.sorted().toList();
    }
  }

  @Test
  void safetensors() throws IOException {
    byte[] original = Files.readAllBytes(Golden.shipped("tiny", directory));
    fuzz(
        original,
        "in.safetensors",
        150,
        file ->
            new Object[] {
              "attend", file, directory.resolve("out.safetensors"), "--backend", "reference"
            });
  }

  @Test
  void jsonLines() throws IOException {
    String lines = String.join("\n", Golden.patterns().subList(0, 3)) + "\n";
    fuzz(
        lines.getBytes(StandardCharsets.UTF_8),
        "cases.jsonl",
        300,
        file -> new Object[] {"pattern", "--cases", file});
  }

  @Test
  void jmhResults() throws IOException {
    byte[] original =
        """
        [{"benchmark": "org.lvsa.benchmarks.AttentionBenchmark.dense", "mode": "thrpt",
          "params": {"sparsityScale": "0.5", "backend": "vector"},
          "primaryMetric": {"score": 3.5, "scoreError": "NaN", "scoreUnit": "ops/s"}},
         {"benchmark": "org.lvsa.benchmarks.AttentionBenchmark.sparse", "mode": "thrpt",
          "params": {"sparsityScale": "0.5", "backend": "vector"},
          "primaryMetric": {"score": 7.5, "scoreError": 0.25, "scoreUnit": "ops/s"}}]
        """
            .getBytes(StandardCharsets.UTF_8);
    Path results = Files.createDirectory(directory.resolve("jmh"));
    fuzz(
        original,
        "jmh/bench.json",
        60,
        file -> new Object[] {"report", results.resolve("bench.json")});
  }

  @Test
  void resultsOfASweep() throws IOException {
    Path published = Path.of("../../benchmarks/results/h100/wan2.1-1.3b/results.csv");
    String few = String.join("\n", Files.readAllLines(published).stream().limit(4).toList()) + "\n";
    Path sweep = Files.createDirectory(directory.resolve("sweep"));
    fuzz(
        few.getBytes(StandardCharsets.UTF_8),
        "sweep/results.csv",
        12,
        file -> new Object[] {"report", sweep});
  }

  @Test
  void configurations() {
    long seed = Long.getLong("lvsa.fuzz.seed", System.nanoTime());
    Mutator mutator = new Mutator(seed);
    byte[] original =
        "{\"window_size\": 8, \"rotate_keyframes\": true, \"patches_per_frame\": [6, 8]}"
            .getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < Mutator.count(300); i++) {
      String text = new String(mutator.mutate(original), StandardCharsets.UTF_8);
      Run run = Run.with(Map.of("LVSA_CONFIG", text), "config");
      assertTrue(run.code() == 0 || run.code() == 2, "seed " + seed + ": " + text + ": " + run);
      assertTrue(run.err().lines().count() <= 12, "seed " + seed + ": " + text + ": " + run.err());
    }
  }
}
