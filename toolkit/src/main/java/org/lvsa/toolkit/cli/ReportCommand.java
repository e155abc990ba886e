// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.lvsa.toolkit.report.ResultTables;
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

  @Parameters(paramLabel = "DIR", description = "what ./lvsa sweep -o wrote")
  private Path directory;

  @Override
  public Integer call() throws IOException {
    if (!Files.isDirectory(directory)) {
      throw new IllegalArgumentException(directory + " is not a directory");
    }
    Path page = SweepReport.write(directory);
    PrintWriter out = spec.commandLine().getOut();
    var rows = ResultsFile.read(new ResultsFile(directory).csv());
    out.println(ResultTables.summary(rows).printAll());
    out.println(page);
    out.flush();
    return 0;
  }
}
