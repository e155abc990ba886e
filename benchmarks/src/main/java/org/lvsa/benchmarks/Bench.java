// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.lvsa.benchmarks.peers.PeersCommand;
import org.lvsa.toolkit.cli.Lvsa;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.report.JmhComparison;
import org.lvsa.toolkit.sweep.Environment;
import org.openjdk.jmh.Main;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;

/**
 * Starts JMH with results in JSON, and an environment file beside them; {@code --compare A B} says
 * what changed between two such files, and {@code --peers} compares with PyTorch.
 */
public final class Bench {
  private static final String HELP =
      """
      Usage: lvsa bench [JMH options] [benchmark name pattern]
             lvsa bench --compare A.json B.json
             lvsa bench --peers -o FILE.jsonl [options]
      JMH's own options apply (lvsa bench -h lists them); results go to JSON (-rff, by default
      bench.json), with the machine that gave them beside it (bench-environment.json). One JVM is
      started per benchmark; JVMs differ, so figures to keep are measured with three (-f 3).
      --peers compares the vector backend with PyTorch (lvsa bench --peers --help).

      Examples:
        ./lvsa bench
        ./lvsa bench AttentionBenchmark -p resolution=832x480 -p length=1,2,4,6 \\
            -p sparsityScale=0.25,0.5,0.75,1.0 -p backend=vector -rff full.json
        ./lvsa bench -f 3 -rff three-forks.json
        ./lvsa bench BorderBenchmark -prof gc
        ./lvsa bench --compare before.json after.json
        ./lvsa report bench.json
      """;

  private static final int FAILED = 1;
  private static final int BAD_INPUT = 2;

  private Bench() {}

  /** The command line. */
  public static void main(String[] arguments) throws IOException {
    int code = run(List.of(arguments));
    if (code == 0 && System.out.checkError()) {
      System.err.println("lvsa: cannot write to standard output");
      code = FAILED;
    }
    System.exit(code);
  }

  static int run(List<String> arguments) throws IOException {
    String first = arguments.isEmpty() ? "" : arguments.getFirst();
    if (first.equals("--peers")) {
      return Lvsa.run(new PeersCommand(), arguments.subList(1, arguments.size()));
    }
    if (arguments.contains("--help")) {
      System.out.print(HELP);
      return 0;
    }
    try {
      if (first.equals("--compare")) {
        return compare(arguments.subList(1, arguments.size()));
      }
      return measure(arguments);
    } catch (CommandLineOptionException | IllegalArgumentException e) {
      System.err.println("lvsa: " + Messages.oneLine(String.valueOf(e.getMessage())));
      return BAD_INPUT;
    }
  }

  /** Runs JMH in this process; JMH ends it with a code of its own if a benchmark fails. */
  private static int measure(List<String> arguments)
      throws IOException, CommandLineOptionException {
    List<String> options = new ArrayList<>(arguments);
    // Judged before anything is measured: JMH would fail after the last benchmark, with a trace.
    CommandLineOptions parsed = new CommandLineOptions(options.toArray(String[]::new));
    Path results = Path.of(parsed.getResult().orElse("bench.json"));
    OutputFile.check(results);
    if (!parsed.getResult().hasValue()) {
      options.addAll(List.of("-rff", results.toString()));
    }
    if (!parsed.getResultFormat().hasValue()) {
      options.addAll(List.of("-rf", "json"));
    }
    boolean lists =
        parsed.shouldHelp()
            || parsed.shouldList()
            || parsed.shouldListWithParams()
            || parsed.shouldListProfilers()
            || parsed.shouldListResultFormats();
    if (!lists) {
      Environment.write(
          results.resolveSibling(
              results.getFileName().toString().replaceFirst("\\.json$", "") + "-environment.json"),
          arguments);
    }
    Main.main(options.toArray(String[]::new));
    return 0;
  }

  private static int compare(List<String> files) throws IOException {
    if (files.size() != 2) {
      throw new IllegalArgumentException("--compare takes two JMH results, got " + files.size());
    }
    for (String file : files) {
      if (!Files.isRegularFile(Path.of(file))) {
        throw new IllegalArgumentException("no JMH result " + Messages.cut(file));
      }
    }
    System.out.print(JmhComparison.of(Path.of(files.get(0)), Path.of(files.get(1))).text());
    return 0;
  }
}
