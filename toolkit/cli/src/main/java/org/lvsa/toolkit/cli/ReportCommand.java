// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.lvsa.toolkit.report.JmhReport;
import org.lvsa.toolkit.report.JmhResult;
import org.lvsa.toolkit.report.SweepReport;
import org.lvsa.toolkit.sweep.ResultsFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "report",
    description = "Tables and plots from a sweep's directory; DIR/report.html needs no network.",
    mixinStandardHelpOptions = true,
    footer = {"", "Example:", "  ./lvsa report out"})
final class ReportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "DIR",
      description = "what ./lvsa sweep -o wrote, or the JSON that ./lvsa bench wrote")
  private Path directory;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (Files.isRegularFile(directory)) {
      Path page = JmhReport.write(directory);
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
    Path page = SweepReport.write(directory);
    var rows = ResultsFile.read(directory.resolve(ResultsFile.NAME));
    out.println(SweepTable.of(rows, SweepTable.terminalWidth()));
    out.println(page);
    out.flush();
    return 0;
  }
}
