// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.peers;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.sweep.Environment;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code ./lvsa bench --peers}: measures what is missing, and prints the tables. */
@Command(
    name = "lvsa bench --peers",
    description =
        "The vector backend beside PyTorch on the CPU: contestants take turns in rounds, each in a"
            + " process of its own. A later call goes on where an earlier one stopped.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "Example:",
      "  ./lvsa bench --peers -o peers.jsonl --python venv/bin/python --seconds 220"
    })
public final class PeersCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "-o",
      paramLabel = "FILE",
      required = true,
      description = "results, a round a line; FILE-environment.json and FILE.md are beside it")
  private Path file;

  @Option(names = "--widths", split = ",", defaultValue = "256,512,128", paramLabel = "BITS")
  private List<Integer> widths;

  @Option(
      names = "--cases",
      split = ",",
      paramLabel = "CASE",
      description = "FRAMESxPATCHESxHEADSxHEADDIM-DTYPE; by default all that the notes report")
  private List<String> cases;

  @Option(
      names = "--rounds",
      defaultValue = "9",
      description = "of each case, earlier ones included")
  private int rounds;

  @Option(
      names = "--seconds",
      defaultValue = "220",
      description = "no round starts later; by default ${DEFAULT-VALUE}")
  private int seconds;

  @Option(
      names = "--least-busy",
      defaultValue = "0.9",
      paramLabel = "SHARE",
      description =
          "a round counts if every contestant had this share of its threads; by default"
              + " ${DEFAULT-VALUE}")
  private double leastBusy;

  @Option(names = "--threads", description = "of each contestant; by default all processors")
  private Integer threads;

  @Option(
      names = "--python",
      paramLabel = "FILE",
      description = "an interpreter that has PyTorch; without it PyTorch is left out")
  private Path python;

  @Option(
      names = "--before",
      paramLabel = "JAR",
      description = "kernels/cpu of another commit, as one more contestant")
  private Path before;

  @Override
  public Integer call() throws IOException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    List<PeerWidth> wantedWidths = widths.stream().map(PeerWidth::of).toList();
    List<PeerCase> wantedCases =
        cases == null ? PeerCase.ALL : cases.stream().map(PeerCase::parse).toList();
    check();
    OutputFile.check(file);
    PrintWriter out = spec.commandLine().getOut();
    int processors = Runtime.getRuntime().availableProcessors();
    PeerComparison comparison =
        new PeerComparison(
            new PeerComparison.Settings(
                file,
                threads == null ? processors : threads,
                before,
                python,
                leastBusy,
                rounds,
                end),
            out);
    for (PeerCase one : wantedCases) {
      for (PeerWidth width : wantedWidths) {
        comparison.run(one, width);
      }
    }
    List<PeerRound> all = PeerRound.read(file);
    if (all.isEmpty()) {
      throw new IllegalArgumentException(
          "no round counted: --rounds or --seconds is too low, or other programs run");
    }
    Environment.write(
        beside("-environment.json"), spec.commandLine().getParseResult().originalArgs());
    String tables = PeerTable.of(all);
    Files.writeString(beside(".md"), tables);
    out.print(tables);
    out.flush();
    return 0;
  }

  private Path beside(String ending) {
    return file.resolveSibling(
        file.getFileName().toString().replaceFirst("\\.jsonl$", "") + ending);
  }

  private void check() {
    if (rounds < 0 || seconds < 0 || (threads != null && threads < 1)) {
      throw new IllegalArgumentException(
          "--rounds and --seconds must not be negative and --threads at least 1, got "
              + rounds
              + ", "
              + seconds
              + ", "
              + threads);
    }
    for (Path needed : new Path[] {before, python}) {
      if (needed != null && !Files.isRegularFile(needed)) {
        throw new IllegalArgumentException(needed + " is not a file");
      }
    }
  }
}
