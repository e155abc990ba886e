// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.report.ResultTables;
import org.lvsa.toolkit.report.SweepReport;
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
      "      --resolutions 416x240 --sparsity-scales 0.5,0.75,1.0 --heads 2 -o out"
    })
final class SweepCommand implements Callable<Integer> {
  enum Preset {
    QUICK
  }

  enum Format {
    TABLE,
    CSV,
    JSON
  }

  @Spec private CommandSpec spec;

  @Option(
      names = "--preset",
      description =
          "${COMPLETION-CANDIDATES}: one small resolution, two heads, three lengths, three scales;"
              + " within two minutes on two cores. Options that are given go before it")
  private Preset preset;

  @Option(
      names = "--models",
      split = ",",
      paramLabel = "NAME",
      description = "models of datasets/models.json (default: wan2.1-1.3b)")
  private List<String> models;

  @Option(
      names = "--resolutions",
      split = ",",
      paramLabel = "WxH",
      description = "default: the model's first native one")
  private List<String> resolutions;

  @Option(
      names = "--frames",
      split = ",",
      paramLabel = "N",
      description = "video frames (default: 81,161)")
  private List<Integer> frames;

  @Option(
      names = "--latent-frames",
      split = ",",
      paramLabel = "T",
      description = "latent frames, in place of --frames")
  private List<Integer> latentFrames;

  @Option(
      names = "--patches-per-frame",
      split = ",",
      paramLabel = "P",
      description = "patches per frame, in place of --resolutions")
  private List<Integer> patchesPerFrame;

  @Option(
      names = "--sparsity-scales",
      split = ",",
      paramLabel = "S",
      description = "default: 0.5,0.75,1.0")
  private List<Double> sparsityScales;

  @Option(
      names = "--backends",
      split = ",",
      paramLabel = "NAME",
      description =
          "auto (the fastest that can run here), reference, nd4j, vector, tornado (default: auto)")
  private List<String> backends;

  @Mixin private DeviceOption device;

  @Option(
      names = "--heads",
      paramLabel = "N",
      description = "measure this many heads; heads are independent (default: all of the model's)")
  private Integer heads;

  @Option(names = "--batch", paramLabel = "N", defaultValue = "1", description = "default: 1")
  private int batch;

  @Option(
      names = "--dtype",
      defaultValue = "F32",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
  private DType dtype;

  @Option(
      names = "--window",
      paramLabel = "W",
      description = "window in latent frames (default: the model's)")
  private Integer window;

  @Option(
      names = "--first-frames",
      paramLabel = "N",
      description = "first frames in latent frames (default: the model's)")
  private Integer firstFrames;

  @Option(
      names = "--input",
      paramLabel = "random|moving|FILE",
      description = "random numbers, a scene made in code, or a video file (default: moving)")
  private String input;

  @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "default: 1")
  private long seed;

  @Option(
      names = "--reps",
      paramLabel = "N",
      description = "timed runs, of which the median counts (default: 5)")
  private Integer reps;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "DIR",
      defaultValue = "out",
      description = "where the results go (default: ${DEFAULT-VALUE})")
  private Path directory;

  @Option(names = "--resume", description = "go on with the sweep that DIR holds")
  private boolean resume;

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

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    ResultsFile results = new ResultsFile(directory);
    List<ResultRow> rows;
    try (SweepProgress progress = new SweepProgress(spec.commandLine().getErr(), directory)) {
      rows =
          new SweepRunner(settings(progress), device.options(), results, progress, strict)
              .run(resume, spec.commandLine().getParseResult().originalArgs());
    }
    print(rows, results, out);
    if (rows.stream().noneMatch(row -> row.status().equals(ResultRow.OK))) {
      throw new IllegalStateException("no cell could be measured: see " + results.csv());
    }
    Path page = SweepReport.write(directory);
    spec.commandLine().getErr().println("Results: " + results.csv() + "  Report: " + page);
    return 0;
  }

  private SweepSettings settings(SweepProgress progress) {
    boolean quick = preset == Preset.QUICK;
    if (latentFrames != null && frames != null) {
      throw bad("--latent-frames takes the place of --frames: give one of them");
    }
    if (patchesPerFrame != null && resolutions != null) {
      throw bad("--patches-per-frame takes the place of --resolutions: give one of them");
    }
    if (heads != null && heads < 1) {
      throw bad("--heads must be at least 1, got " + heads);
    }
    for (Integer least : new Integer[] {window, firstFrames}) {
      if (least != null && least < 0) {
        throw bad("--window and --first-frames must be at least 0, got " + least);
      }
    }
    List<String> names = or(models, List.of("wan2.1-1.3b"));
    names.forEach(Models::named);
    List<String> sizes =
        patchesPerFrame != null
            ? List.of()
            : or(
                resolutions,
                quick
                    ? List.of("320x192")
                    : List.of(Models.named(names.getFirst()).resolutions().getFirst()));
    List<Integer> lengths =
        latentFrames != null
            ? List.of()
            : or(frames, quick ? List.of(81, 161, 321) : List.of(81, 161));
    return new SweepSettings(
        distinct(names),
        distinct(sizes),
        distinct(lengths),
        distinct(or(latentFrames, List.of())),
        distinct(or(patchesPerFrame, List.of())),
        distinct(or(sparsityScales, List.of(0.5, 0.75, 1.0))),
        distinct(or(backends, List.of("auto"))).stream()
            .map(name -> Backends.named(name, message -> fallback(message, progress)).name())
            .distinct()
            .toList(),
        heads != null ? heads : quick ? 2 : 0,
        batch,
        dtype.name(),
        window == null ? -1 : window,
        firstFrames == null ? -1 : firstFrames,
        inputName(),
        seed,
        reps != null ? reps : 5);
  }

  /** A file's full path, so that a sweep resumes from any directory. */
  private String inputName() {
    String name = input == null ? "moving" : input;
    return InputSource.parse(name) instanceof InputSource.VideoFile file
            && Files.exists(file.path())
        ? file.path().toAbsolutePath().normalize().toString()
        : name;
  }

  private void fallback(String message, SweepProgress progress) {
    if (strict) {
      throw new UnavailableException("--strict: " + message);
    }
    progress.warn(message);
  }

  private static <T> List<T> or(List<T> given, List<T> otherwise) {
    return given == null ? otherwise : given;
  }

  private static <T> List<T> distinct(List<T> list) {
    return list.stream().distinct().toList();
  }

  private void print(List<ResultRow> rows, ResultsFile results, PrintWriter out)
      throws IOException {
    switch (format) {
      case TABLE -> out.println(ResultTables.summary(rows).printAll());
      case CSV -> out.print(Files.readString(results.csv()));
      case JSON ->
          out.println(
              JsonMapper.builder()
                  .enable(SerializationFeature.INDENT_OUTPUT)
                  .build()
                  .writeValueAsString(rows));
    }
    out.flush();
  }

  private ParameterException bad(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
