// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.io.Png;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;
import org.lvsa.toolkit.pattern.RankSlice;
import org.lvsa.toolkit.report.Fonts;
import org.lvsa.toolkit.report.MaskPicture;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "pattern",
    description = "Shows which latent frames, or which blocks of tokens, attend to which.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Frames, window and interval are latent frames; --frames are video frames.",
      "",
      "Examples:",
      "  ./lvsa pattern --model wan2.1-1.3b --frames 161 --resolution 832x480 --format mask",
      "  ./lvsa pattern --latent-frames 41 --patches-per-frame 1560 --format png -o mask.png",
      "  ./lvsa pattern --pattern radial:block=16 --density 0.3 --latent-frames 21 --grid 10x16"
          + " --format mask",
      "  ./lvsa pattern --cases cases.jsonl > expect.jsonl"
    })
final class PatternCommand implements Callable<Integer> {
  enum Format {
    JSON,
    MASK,
    PNG
  }

  private static final int PICTURE_SIDE = 800;

  /** Options that set up LVSA's pattern where no other is asked for. */
  private static final List<String> LVSA_ONLY =
      List.of(
          "--window",
          "--first-frames",
          "--reference-frames",
          "--sparsity-scale",
          "--key-frame-interval",
          "--step",
          "--rotate-keyframes",
          "--no-expand-window",
          "--rank",
          "--world");

  @Mixin private BlockPatternOptions laboratory;

  @Spec private CommandSpec spec;

  @Option(names = "--latent-frames", paramLabel = "T", description = "latent frames")
  private Integer latentFrames;

  @Option(names = "--patches-per-frame", paramLabel = "P", description = "patches per frame")
  private Integer patchesPerFrame;

  @Option(
      names = "--window",
      paramLabel = "W",
      description = "frames on either side (default: 3, or the model's)")
  private Integer window;

  @Option(
      names = "--first-frames",
      paramLabel = "N",
      description = "leading frames that all attend to (default: 1, or the model's)")
  private Integer firstFrames;

  @Option(
      names = "--reference-frames",
      paramLabel = "N",
      description = "training horizon (default: 21, or the model's)")
  private Integer referenceFrames;

  @Option(
      names = "--sparsity-scale",
      paramLabel = "S",
      defaultValue = "1.0",
      description = "multiplies the reference; below 1 is sparser (default: ${DEFAULT-VALUE})")
  private double sparsityScale;

  @Option(
      names = "--key-frame-interval",
      paramLabel = "N",
      description = "distance of the periodic keyframes (default: automatic)")
  private Integer keyFrameInterval;

  @Option(
      names = "--step",
      paramLabel = "N",
      defaultValue = "0",
      description = "denoising step, with --rotate-keyframes (default: ${DEFAULT-VALUE})")
  private int step;

  @Option(names = "--rotate-keyframes", description = "move the keyframes one position per step")
  private boolean rotateKeyframes;

  @Option(
      names = "--no-expand-window",
      description = "do not grow windows over the global frames that they hold")
  private boolean noExpandWindow;

  @Option(
      names = "--rank",
      paramLabel = "R",
      defaultValue = "0",
      description = "this rank under context parallelism (default: ${DEFAULT-VALUE})")
  private int rank;

  @Option(
      names = "--world",
      paramLabel = "N",
      defaultValue = "1",
      description = "ranks that share the sequence (default: ${DEFAULT-VALUE})")
  private int world;

  @Option(names = "--model", paramLabel = "NAME", description = "take the geometry of a model")
  private String model;

  @Option(names = "--frames", paramLabel = "N", description = "video frames, with --model")
  private Integer frames;

  @Option(names = "--resolution", paramLabel = "WxH", description = "with --model")
  private String resolution;

  @Option(
      names = "--cases",
      paramLabel = "FILE",
      description = {
        "one JSON object of settings per line, or a document with method and cases",
        "(.json or .json.gz); prints one result per line"
      })
  private Path cases;

  @Option(
      names = "--inputs",
      paramLabel = "FILE",
      description = {
        "safetensors with NAME.q, NAME.k and NAME.v, [heads, tokens, headDim]:",
        "for patterns that look at queries and keys"
      })
  private Path inputs;

  @Option(
      names = "--format",
      defaultValue = "json",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
  private Format format;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description = "where --format png goes")
  private Path output;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (cases != null) {
      MaskCases document = MaskCases.read(cases);
      if (document.isDocument()) {
        document.print(Optional.ofNullable(inputs), out);
      } else {
        printCases(out);
      }
      return 0;
    }
    if ((format == Format.PNG) != (output != null)) {
      throw bad(format == Format.PNG ? "--format png needs -o FILE" : "-o needs --format png");
    }
    if (laboratory.withoutPattern()) {
      throw bad("--density and --grid need --pattern");
    }
    if (laboratory.given()) {
      showLaboratory(out);
      return 0;
    }
    PatternSettings settings = settings();
    if (format == Format.PNG) {
      OutputFile.check(output);
      Fonts.require();
      MaskPicture.checkSize(settings.latentFrames());
    }
    Pattern pattern = Pattern.build(settings, new RankSlice(rank, world));
    switch (format) {
      case JSON -> out.println(PatternJson.write(pattern));
      case MASK -> pattern.maskLines().takeWhile(line -> !out.checkError()).forEach(out::println);
      case PNG -> Png.write(MaskPicture.draw(pattern, PICTURE_SIDE), output);
    }
    out.flush();
    return 0;
  }

  private void showLaboratory(PrintWriter out) throws IOException {
    for (String name : LVSA_ONLY) {
      if (spec.commandLine().getParseResult().hasMatchedOption(name)) {
        throw bad(name + " is for LVSA without --pattern: use --pattern NAME:PARAMETER=VALUE,…");
      }
    }
    if (output != null) {
      OutputFile.check(output);
      Fonts.require();
    }
    ModelGeometry geometry = Models.named(model == null ? "wan2.1-1.3b" : model);
    PatchGrid patches = laboratory.patches();
    int length;
    if (model == null) {
      if (frames != null || resolution != null) {
        throw bad("--frames and --resolution need --model");
      }
      if (latentFrames == null || (patchesPerFrame == null) == (patches == null)) {
        throw bad(
            "--pattern needs --latent-frames and --grid, or --latent-frames and"
                + " --patches-per-frame, or --model, --frames and --resolution");
      }
      length = latentFrames;
    } else {
      if (latentFrames != null || patchesPerFrame != null || patches != null) {
        throw bad("--model gives the latent frames and patches: leave them out");
      }
      if (frames == null || resolution == null) {
        throw bad("--model needs --frames and --resolution");
      }
      length = geometry.latentFrames(frames);
      patches = geometry.grid(Resolution.parse(resolution));
    }
    boolean exact = patches != null;
    if (!exact && patchesPerFrame < 1) {
      throw bad("patches per frame must be at least 1, got " + patchesPerFrame);
    }
    laboratory.show(
        geometry,
        length,
        exact ? patches : PatchGrid.of(patchesPerFrame),
        exact,
        format,
        output,
        out);
  }

  private PatternSettings settings() {
    if (model == null) {
      if (frames != null || resolution != null) {
        throw bad("--frames and --resolution need --model");
      }
      if (latentFrames == null || patchesPerFrame == null) {
        throw bad(
            "give --latent-frames and --patches-per-frame, or --model, --frames and --resolution");
      }
      return complete(
          PatternSettings.of(
              latentFrames,
              patchesPerFrame,
              window == null ? 3 : window,
              firstFrames == null ? 1 : firstFrames,
              referenceFrames == null ? 21 : referenceFrames,
              sparsityScale));
    }
    if (latentFrames != null || patchesPerFrame != null || referenceFrames != null) {
      throw bad("--model gives the latent frames, patches and reference frames: leave them out");
    }
    if (frames == null || resolution == null) {
      throw bad("--model needs --frames and --resolution");
    }
    ModelGeometry geometry = Models.named(model);
    return complete(
        geometry.pattern(
            geometry.latentFrames(frames),
            geometry.grid(Resolution.parse(resolution)).patches(),
            window == null ? geometry.defaultWindow() : window,
            firstFrames == null ? geometry.defaultFirstFrames() : firstFrames,
            sparsityScale,
            interval()));
  }

  private OptionalInt interval() {
    return keyFrameInterval == null ? OptionalInt.empty() : OptionalInt.of(keyFrameInterval);
  }

  private PatternSettings complete(PatternSettings s) {
    return s.withKeyFrameInterval(interval())
        .withStep(step)
        .withRotateKeyframes(rotateKeyframes)
        .withExpandWindow(!noExpandWindow);
  }

  private void printCases(PrintWriter out) {
    int number = 0;
    for (String line : Json.text(cases).lines().toList()) {
      number++;
      if (!line.isBlank()) {
        out.println(PatternJson.write(PatternJson.read(line, cases.toString(), number)));
      }
    }
    out.flush();
  }

  private ParameterException bad(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
