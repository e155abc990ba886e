// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.lvsa.toolkit.evaluate.Calibration;
import org.lvsa.toolkit.evaluate.Evaluation;
import org.lvsa.toolkit.evaluate.EvaluationCsv;
import org.lvsa.toolkit.evaluate.EvaluationJson;
import org.lvsa.toolkit.evaluate.Evaluator;
import org.lvsa.toolkit.evaluate.Rules;
import org.lvsa.toolkit.evaluate.VideoList;
import org.lvsa.toolkit.evaluate.network.Networks;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.io.OutputFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "evaluate",
    description = "Judges the quality of videos, generated ones above all.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "A dimension that needs networks which are not given has no score and is named, with what",
      "could be measured without them. docs/evaluate.md explains every number.",
      "",
      "Examples:",
      "  ./lvsa evaluate cat.mp4",
      "  ./lvsa evaluate lvsa.mp4 --reference dense.mp4 --html lvsa.html",
      "  ./lvsa evaluate cat.mp4 --prompt 'A cat walks on the grass' --clip-image clip-image.onnx \\",
      "      --clip-text clip-text.onnx --clip-tokenizer tokenizer.json --dino dinov2.onnx",
      "  ./lvsa evaluate videos/ -o quality --resume",
      "  ./lvsa evaluate runs.csv --prompt-col prompt --format csv --upstream-compatible"
    })
final class EvaluateCommand implements Callable<Integer> {
  /** How results are printed. */
  enum Format {
    TABLE,
    JSON,
    CSV
  }

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "VIDEO",
      arity = "1..*",
      description = "video files, folders of them, or CSV files that name them")
  private List<Path> inputs;

  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      description = "of what the videos were made, for text alignment")
  private String prompt;

  @Option(
      names = "--reference",
      paramLabel = "VIDEO",
      description =
          "compare with this video frame by frame: PSNR, SSIM, MS-SSIM and how they drift, such as"
              + " dense attention's video of the same noise")
  private Path reference;

  @Mixin private EvaluateOptions options;

  @Option(
      names = "--format",
      defaultValue = "table",
      description = "${COMPLETION-CANDIDATES} on standard output (default: ${DEFAULT-VALUE})")
  private Format format;

  @Option(
      names = "--html",
      paramLabel = "FILE",
      description = "a page that needs no network: scores, curves, worst frames, the loop matrix")
  private Path html;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "DIR",
      description =
          "a folder for each video's JSON and page, results.csv and report.html; each is written as"
              + " soon as it is known")
  private Path output;

  @Option(
      names = "--resume",
      description = "keep the results in DIR of videos that have not changed since")
  private boolean resume;

  @Mixin private EvaluateLists lists;

  @Option(
      names = "--calibrate",
      paramLabel = "FILE.json",
      description = "also write where each measure of these videos lies, in percentiles")
  private Path calibrate;

  @Override
  public Integer call() throws IOException {
    Rules rules = options.rules();
    List<VideoList.Entry> entries = new ArrayList<>();
    PrintWriter err = spec.commandLine().getErr();
    for (Path input : inputs) {
      VideoList list = lists.of(input, Optional.ofNullable(prompt), rules);
      list.skipped().forEach(line -> err.println("lvsa: skipped: " + line));
      entries.addAll(list.entries());
    }
    if (entries.isEmpty()) {
      if (rules == Rules.UPSTREAM) {
        err.println("No supported video files found.");
        return 0;
      }
      throw new IllegalArgumentException(
          "no videos in "
              + Messages.cut(inputs.getFirst())
              + (inputs.size() > 1 ? " and so on" : ""));
    }
    if (html != null) {
      OutputFile.check(html);
    }
    if (calibrate != null) {
      OutputFile.check(calibrate);
    }
    if (resume && output == null) {
      throw new IllegalArgumentException("--resume goes on in the folder of -o, which is missing");
    }
    Optional<EvaluateFolder> folder = Optional.empty();
    Evaluator evaluator;
    try (Networks networks = Networks.open(options.networks())) {
      evaluator = new Evaluator(options.judgement(), options.sampling(), networks::of);
      if (output != null) {
        folder = Optional.of(EvaluateFolder.open(output, identity(), resume));
      }
      return evaluate(entries, evaluator, folder);
    }
  }

  private ObjectNode identity() throws IOException {
    ObjectNode identity = options.identity();
    identity.put("prompt", prompt);
    identity.put("reference", reference == null ? null : reference.toString());
    return identity;
  }

  private int evaluate(
      List<VideoList.Entry> entries, Evaluator evaluator, Optional<EvaluateFolder> folder)
      throws IOException {
    PrintWriter err = spec.commandLine().getErr();
    List<JsonNode> results = new ArrayList<>();
    List<String> failures = new ArrayList<>();
    Optional<Evaluation> only = Optional.empty();
    try (EvaluateProgress progress = new EvaluateProgress(err, entries.size())) {
      for (VideoList.Entry entry : entries) {
        String name = entry.file().getFileName().toString();
        Optional<JsonNode> known = folder.flatMap(kept -> kept.known(entry));
        if (known.isPresent()) {
          results.add(known.get());
          progress.done(name, "kept from before");
          continue;
        }
        try {
          Evaluation evaluation =
              evaluator.evaluate(
                  entry.file(),
                  entry.prompt(),
                  Optional.ofNullable(reference),
                  what -> progress.doing(name, what));
          JsonNode json = EvaluationJson.of(evaluation, entry.columns());
          results.add(json);
          if (folder.isPresent()) {
            folder.get().write(entry, evaluation, json);
          }
          only = entries.size() == 1 ? Optional.of(evaluation) : Optional.empty();
          absent(evaluation, progress);
          progress.done(name, EvaluateTable.text(json.get("composite_score")));
        } catch (MalformedFileException e) {
          if (entries.size() == 1) {
            throw e;
          }
          failures.add(e.getMessage());
          progress.done(name, "failed");
          progress.line("lvsa: " + Messages.oneLine(e.getMessage()));
        }
      }
    }
    if (folder.isPresent()) {
      folder.get().finish(results);
    }
    if (html != null) {
      String page =
          only.isPresent()
              ? EvaluateReport.of(only.get(), results.getFirst())
              : EvaluateOverview.of(results);
      OutputFile.write(html, out -> out.write(page.getBytes(StandardCharsets.UTF_8)));
    }
    if (calibrate != null) {
      String presets = EvaluationJson.text(Calibration.of(results));
      OutputFile.write(calibrate, out -> out.write(presets.getBytes(StandardCharsets.UTF_8)));
    }
    print(results);
    if (!failures.isEmpty() && options.rules() == Rules.MENDED) {
      err.println("lvsa: " + failures.size() + " of " + entries.size() + " videos failed");
      return Lvsa.BAD_INPUT;
    }
    return 0;
  }

  /** Under upstream's rules the result does not say what is absent, so this does. */
  private void absent(Evaluation evaluation, EvaluateProgress progress) {
    if (options.rules() == Rules.UPSTREAM) {
      evaluation
          .absent()
          .forEach(
              one ->
                  progress.line("lvsa: " + one.dimension().id() + " is absent: " + one.reason()));
    }
  }

  private void print(List<JsonNode> results) {
    PrintWriter out = spec.commandLine().getOut();
    switch (format) {
      case TABLE -> {
        for (JsonNode result : results) {
          EvaluateTable.lines(result).forEach(out::println);
        }
      }
      case JSON -> {
        boolean single = inputs.size() == 1 && results.size() == 1;
        single &= !Files.isDirectory(inputs.getFirst());
        JsonNode json =
            single ? results.getFirst() : Json.mapper().createArrayNode().addAll(results);
        out.println(EvaluationJson.text(json));
      }
      case CSV -> out.print(EvaluationCsv.of(results));
    }
    out.flush();
  }
}
