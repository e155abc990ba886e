// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.lvsa.toolkit.report.ForwardReport;
import org.lvsa.toolkit.report.JmhReport;
import org.lvsa.toolkit.report.JmhResult;
import org.lvsa.toolkit.report.SweepReport;
import org.lvsa.toolkit.sweep.ClusterProvider;
import org.lvsa.toolkit.sweep.ResultsFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "report",
    description = "Tables and plots from a sweep's directory; DIR/report.html needs no network.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  ./lvsa report out",
      "  ./lvsa report benchmarks/results/h100-pipeline",
      "  ./lvsa report --master 'local[4]' folder-of-sweeps"
    })
final class ReportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "DIR",
      description =
          "what ./lvsa sweep -o wrote, or the JSON that ./lvsa bench wrote, or a folder with forward"
              + " passes of whole transformers (torch.txt, forward-*.txt)")
  private Path directory;

  @Option(
      names = "--master",
      paramLabel = "URL",
      description =
          "sum up the many sweeps below DIR with Apache Spark, local[N] or a cluster: by-cell.csv"
              + " and by-host.csv; see docs/cluster.md")
  private String master;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (master != null && Files.isDirectory(directory)) {
      ClusterProvider.find().report(master, Map.of(), directory).forEach(out::println);
      out.flush();
      return 0;
    }
    if (Files.isRegularFile(directory)) {
      Path page = JmhReport.write(directory, spec.commandLine().getErr()::println);
      List<JmhResult> results = JmhResult.read(directory);
      out.println(JmhReport.scores(results).printAll());
      List<JmhReport.Speedup> pairs = JmhReport.speedups(results);
      if (!pairs.isEmpty()) {
        out.println(JmhReport.table(pairs).printAll());
      }
      out.println(page);
      out.flush();
      return 0;
    }
    if (!Files.isDirectory(directory)) {
      throw new IllegalArgumentException(directory + " is neither a directory nor a file");
    }
    if (!Files.exists(directory.resolve(ResultsFile.NAME)) && ForwardReport.isIn(directory)) {
      ForwardReport.write(directory, spec.commandLine().getErr()::println).forEach(out::println);
      out.flush();
      return 0;
    }
    Path page = SweepReport.write(directory, spec.commandLine().getErr()::println);
    var rows = ResultsFile.read(directory.resolve(ResultsFile.NAME));
    out.println(SweepTable.of(rows, SweepTable.terminalWidth()));
    out.println(page);
    out.flush();
    return 0;
  }
}
