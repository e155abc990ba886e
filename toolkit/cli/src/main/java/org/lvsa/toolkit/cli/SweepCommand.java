// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.backend.DeviceList;
import org.lvsa.toolkit.cli.SweepOptions.Where;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.report.SweepReport;
import org.lvsa.toolkit.sweep.ClusterProvider;
import org.lvsa.toolkit.sweep.ClusterSweep;
import org.lvsa.toolkit.sweep.DeviceProcesses;
import org.lvsa.toolkit.sweep.ResultColumns;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.ResultsFile;
import org.lvsa.toolkit.sweep.SweepRunner;
import org.lvsa.toolkit.sweep.SweepSettings;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "sweep",
    description = "Measures dense against sparse attention over a cross product of settings.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Lists are separated by commas, and cross. Every measured cell is a line of",
      "DIR/results.csv at once; an interrupted sweep goes on with --resume.",
      "",
      "Examples:",
      "  ./lvsa sweep --preset quick --input video.mp4 -o out",
      "  ./lvsa sweep --models wan2.1-1.3b,hunyuanvideo-1.5 --frames 81,161 \\",
      "      --resolutions 416x240 --sparsity-scales 0.5,0.75,1.0 --heads 2 -o out",
      "  ./lvsa sweep --frames 321 --heads 12 --dtype f16 --backends tornado --precision int8 -o out"
    })
final class SweepCommand implements Callable<Integer> {
  enum Format {
    TABLE,
    CSV,
    JSON
  }

  /** Options that say nothing about what is measured. */
  private static final Set<String> NO_SETTINGS =
      Set.of(
          "--output",
          "--resume",
          "--strict",
          "--format",
          "--wide",
          "--devices",
          "--master",
          "--conf");

  @Spec private CommandSpec spec;

  @Mixin private SweepOptions options;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "DIR",
      defaultValue = "out",
      description = "where the results go (default: ${DEFAULT-VALUE})")
  private Path directory;

  @Option(
      names = "--resume",
      arity = "0..1",
      fallbackValue = "same",
      paramLabel = "anyway",
      description =
          "go on with the sweep that DIR holds, with its settings, or with the same ones given"
              + " again; =anyway: also if the program, the machine or the input is another one,"
              + " and say so in the new rows")
  private String resume;

  @Option(
      names = "--strict",
      description = "stop where a cell cannot run as asked, or auto passes over a faster backend")
  private boolean strict;

  @Option(
      names = "--format",
      defaultValue = "table",
      description =
          "what is printed at the end: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
  private Format format;

  @Option(
      names = "--wide",
      description = "print every column in the table, not only those that fit the terminal")
  private boolean wide;

  @Option(
      names = "--devices",
      paramLabel = "DRIVER:INDEX,...",
      description =
          "measure on several devices of this machine at once, as ./lvsa devices lists them; each"
              + " measures whole geometries in a process of its own, and each row names its device")
  private String devices;

  @Option(
      names = "--master",
      paramLabel = "URL",
      description =
          "measure on Apache Spark: spark://HOST:PORT, k8s://URL, local[N] or"
              + " local-cluster[WORKERS,CORES,MIB]; see docs/cluster.md")
  private String master;

  @Option(
      names = "--conf",
      paramLabel = "KEY=VALUE",
      description = "a setting of Spark, such as spark.executor.cores=8; may be given repeatedly")
  private Map<String, String> conf = new LinkedHashMap<>();

  @Override
  public Integer call() throws IOException {
    Path csv = directory.resolve(ResultsFile.NAME);
    SweepRunner.Resume resumption = resumption();
    List<ResultRow> rows;
    try (SweepProgress progress = new SweepProgress(spec.commandLine().getErr(), directory)) {
      rows = run(settings(progress), resumption, progress);
    }
    print(rows, csv, spec.commandLine().getOut());
    if (rows.stream().noneMatch(ResultRow::ok)) {
      throw new IllegalStateException("no cell could be measured: see " + csv);
    }
    Path page = SweepReport.write(directory, spec.commandLine().getErr()::println);
    spec.commandLine().getErr().println("Results: " + csv + "  Report: " + page);
    return 0;
  }

  private List<ResultRow> run(
      SweepSettings settings, SweepRunner.Resume resumption, SweepProgress progress)
      throws IOException {
    List<String> line = spec.commandLine().getParseResult().originalArgs();
    if (master == null && !conf.isEmpty()) {
      throw bad("--conf is a setting of Spark: give --master too");
    }
    if (master == null && devices == null) {
      return new SweepRunner(settings, directory, progress, strict).run(resumption, line);
    }
    try (ClusterSweep.Cluster cluster = cluster(settings)) {
      return new ClusterSweep(settings, directory, progress, strict).run(resumption, line, cluster);
    }
  }

  private ClusterSweep.Cluster cluster(SweepSettings settings) {
    if (devices == null) {
      return ClusterProvider.find().connect(master, conf);
    }
    if (master != null) {
      throw bad("--devices are this machine's, --master names others: give one of them");
    }
    if (!settings.device().isEmpty()) {
      throw bad("--devices takes the place of --device: give one of them");
    }
    DeviceList list = DeviceList.parse(devices);
    for (String name : settings.backends()) {
      list.requireOf(Backends.named(name, warning -> {}));
    }
    return new DeviceProcesses(list);
  }

  /** A sweep that is resumed without a word about its settings keeps those of its directory. */
  private SweepSettings settings(SweepProgress progress) throws IOException {
    boolean typed =
        spec.commandLine().getParseResult().matchedOptions().stream()
            .anyMatch(option -> !NO_SETTINGS.contains(option.longestName()));
    return resume != null && !typed
        ? SweepSettings.of(directory)
        : options.settings(master == null ? Where.HERE : Where.CLUSTER, strict, progress);
  }

  private SweepRunner.Resume resumption() {
    return switch (resume) {
      case null -> SweepRunner.Resume.NO;
      case "same" -> SweepRunner.Resume.SAME;
      case "anyway" -> SweepRunner.Resume.ANYWAY;
      default -> throw bad("--resume takes nothing or =anyway, got " + Messages.cut(resume));
    };
  }

  private void print(List<ResultRow> rows, Path csv, PrintWriter out) throws IOException {
    switch (format) {
      case TABLE ->
          out.println(
              wide ? SweepTable.wide(rows) : SweepTable.of(rows, SweepTable.terminalWidth()));
      case CSV -> out.print(Files.readString(csv));
      case JSON ->
          out.println(
              Json.mapper()
                  .writer(SerializationFeature.INDENT_OUTPUT)
                  .writeValueAsString(rows.stream().map(ResultColumns::values).toList()));
    }
    out.flush();
  }

  private ParameterException bad(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
