// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.lvsa.toolkit.report.JmhComparison;
import org.lvsa.toolkit.sweep.Environment;
import org.openjdk.jmh.Main;

/**
 * Starts JMH with results in JSON, and an environment file beside them; {@code --compare A B} says
 * what changed between two such files.
 */
public final class Bench {
  private static final String HELP =
      """
      Usage: lvsa bench [JMH options] [benchmark name pattern]
             lvsa bench --compare A.json B.json
      JMH's own options apply (lvsa bench -h lists them); results go to JSON (-rff, by default
      bench.json), with the machine that gave them beside it (bench-environment.json).

      Examples:
        ./lvsa bench
        ./lvsa bench AttentionBenchmark -p resolution=832x480 -p length=1,2,4,6 \\
            -p sparsityScale=0.25,0.5,0.75,1.0 -p backend=vector -rff full.json
        ./lvsa bench BorderBenchmark -prof gc
        ./lvsa bench --compare before.json after.json
        ./lvsa report bench.json
      """;

  private Bench() {}

  /** The command line. */
  public static void main(String[] arguments) throws IOException {
    List<String> options = new ArrayList<>(List.of(arguments));
    if (options.contains("--help")) {
      System.out.print(HELP);
      return;
    }
    if (!options.isEmpty() && options.getFirst().equals("--compare")) {
      System.exit(compare(options.subList(1, options.size())));
    }
    int file = options.indexOf("-rff");
    Path results =
        Path.of(file >= 0 && file + 1 < options.size() ? options.get(file + 1) : "bench.json");
    if (file < 0) {
      options.addAll(List.of("-rff", results.toString()));
    }
    if (!options.contains("-rf")) {
      options.addAll(List.of("-rf", "json"));
    }
    boolean lists = options.stream().anyMatch(o -> o.matches("-(h|l|lp|lprof|lrf)"));
    if (!lists) {
      Environment.write(
          results.resolveSibling(
              results.getFileName().toString().replaceFirst("\\.json$", "") + "-environment.json"),
          List.of(arguments));
    }
    Main.main(options.toArray(String[]::new));
  }

  private static int compare(List<String> files) throws IOException {
    if (files.size() != 2) {
      System.err.println("lvsa: --compare takes two JMH results, got " + files.size());
      return 2;
    }
    for (String file : files) {
      if (!Files.isRegularFile(Path.of(file))) {
        System.err.println("lvsa: no JMH result " + file);
        return 2;
      }
    }
    try {
      System.out.print(JmhComparison.of(Path.of(files.get(0)), Path.of(files.get(1))).text());
      return 0;
    } catch (IllegalArgumentException e) {
      System.err.println("lvsa: " + e.getMessage());
      return 2;
    }
  }
}
