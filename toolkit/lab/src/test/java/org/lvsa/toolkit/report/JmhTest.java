// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.report.JmhComparison.Verdict;

class JmhTest {
  @TempDir private Path directory;

  private static String result(String method, String parameters, double score, String error) {
    return """
        {"benchmark": "org.lvsa.benchmarks.AttentionBenchmark.%s", "mode": "thrpt",
         "params": {%s}, "primaryMetric": {"score": %s, "scoreError": %s, "scoreUnit": "ops/s"}}
        """
        .formatted(method, parameters, score, error);
  }

  private Path file(String name, String... results) throws IOException {
    return Files.writeString(directory.resolve(name), "[" + String.join(",", results) + "]");
  }

  @Test
  void pairsBecomeSpeedupsWithErrors() throws IOException {
    Path json =
        file(
            "bench.json",
            result("dense", "\"length\": \"2\"", 10, "0.3"),
            result("dense", "\"length\": \"1\"", 99, "1"),
            result("sparse", "\"length\": \"2\", \"sparsityScale\": \"0.5\"", 40, "1.6"),
            result("sparse", "\"length\": \"4\", \"sparsityScale\": \"0.5\"", 40, "1.6"));
    List<JmhReport.Speedup> pairs = JmhReport.speedups(JmhResult.read(json));
    assertEquals(1, pairs.size());
    assertEquals(Map.of("length", "2"), pairs.getFirst().parameters());
    assertEquals(4, pairs.getFirst().speedup(), 1e-12);
    assertEquals(4 * Math.exp(-0.05), pairs.getFirst().low(), 1e-12);
    assertEquals(4 * Math.exp(0.05), pairs.getFirst().high(), 1e-12);
    Path page = JmhReport.write(json, Assertions::fail);
    assertEquals(directory.resolve("bench.html"), page);
    assertTrue(Files.readString(page).contains("jmh-speedup"));
    assertTrue(Files.size(directory.resolve("bench-speedup.png")) > 1000);
  }

  @Test
  void theIntervalOfARatioIsTheSameWhicheverRunStandsAbove() {
    JmhResult one = new JmhResult("A.sparse", Map.of(), "thrpt", "ops/s", 10, 4);
    JmhResult other = new JmhResult("A.dense", Map.of(), "thrpt", "ops/s", 30, 20);
    JmhReport.Speedup ratio = JmhReport.Speedup.of(Map.of(), 0.5, one, other);
    JmhReport.Speedup inverse = JmhReport.Speedup.of(Map.of(), 0.5, other, one);
    assertEquals(1 / ratio.speedup(), inverse.speedup(), 1e-12);
    assertEquals(1 / ratio.high(), inverse.low(), 1e-12);
    assertEquals(1 / ratio.low(), inverse.high(), 1e-12);
    assertTrue(ratio.low() > 0, "an interval of the ratio itself would reach below 0");
  }

  @Test
  void onlyWhatIsBeyondTheNoiseIsAChange() throws IOException {
    String half = "\"length\": \"2\"";
    Path before =
        file(
            "a.json",
            result("dense", half, 10, "0.5"),
            result("sparse", half, 10, "0.5"),
            result("once", half, 10, "\"NaN\""),
            result("gone", half, 1, "0"));
    Path after =
        file(
            "b.json",
            result("dense", half, 10.9, "0.5"),
            result("sparse", half, 8, "0.5"),
            result("once", half, 20, "\"NaN\""),
            result("fresh", half, 1, "0"));
    JmhComparison comparison = JmhComparison.of(before, after);
    assertEquals(
        List.of(Verdict.SAME, Verdict.SLOWER, Verdict.SAME),
        comparison.changes().stream().map(JmhComparison.Change::verdict).toList());
    assertEquals(0.8, comparison.changes().get(1).speedup(), 1e-12);
    assertEquals(2, comparison.unmatched().size());
    assertTrue(comparison.text().contains("slower  0.80x  AttentionBenchmark.sparse"));
    assertTrue(comparison.text().contains("(only after)"));
    JmhComparison back = JmhComparison.of(after, before);
    assertEquals(Verdict.FASTER, back.changes().get(1).verdict());
  }

  @Test
  void lessTimeIsFaster() {
    JmhResult slow = new JmhResult("P.b", Map.of(), "avgt", "us/op", 10, 1);
    JmhResult fast = new JmhResult("P.b", Map.of(), "avgt", "us/op", 5, 1);
    JmhComparison comparison = JmhComparison.of(List.of(slow), List.of(fast));
    assertEquals(Verdict.FASTER, comparison.changes().getFirst().verdict());
    assertEquals(2, comparison.changes().getFirst().speedup(), 1e-12);
  }

  @Test
  void otherFilesAreRefusedByName() throws IOException {
    refused("not json", "x.json, line 1, column");
    refused("[{\"a\": 1}]", "x.json: result 1 is no JMH result");
    refused("[{\"benchmark\": 7, \"primaryMetric\": {\"score\": \"x\"}}]", "is no JMH result");
    refused("[[], 1, null]", "is no JMH result");
    refused("7", "holds no JMH result");
    refused("[{\"benchmark\": null, \"params\": 3, \"primaryMetric\": []}]", "is no JMH result");
    Path empty = file("z.json");
    assertThrows(MalformedFileException.class, () -> JmhResult.read(empty));
    Path one = file("one.json", result("a", "", 1, "0"));
    Path two = file("two.json", result("b", "", 1, "0"));
    assertThrows(IllegalArgumentException.class, () -> JmhComparison.of(one, two));
  }

  private void refused(String json, String message) throws IOException {
    Path file = Files.writeString(directory.resolve("x.json"), json);
    String said =
        assertThrows(MalformedFileException.class, () -> JmhResult.read(file)).getMessage();
    assertTrue(said.contains(message), said);
    assertEquals(1, said.lines().count());
  }

  @Test
  void theCommittedResultsHaveTheirPairs() throws IOException {
    Path json = Path.of("../../benchmarks/results/cpu/bench.json");
    List<JmhResult> results = JmhResult.read(json);
    assertTrue(JmhReport.speedups(results).size() >= 8);
    assertTrue(Files.exists(json.resolveSibling("bench-environment.json")));
    double step =
        results.stream()
            .filter(r -> r.benchmark().equals("PatternBenchmark.nextStep"))
            .filter(r -> r.parameters().get("latentFrames").equals("161"))
            .findFirst()
            .orElseThrow()
            .score();
    assertTrue(step < 1000, "a pattern at T=161 took " + step + " us");
  }
}
