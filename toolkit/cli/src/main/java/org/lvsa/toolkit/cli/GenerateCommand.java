// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.CaptureSettings;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.Prompts;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.PromptEmbeddings;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.pipeline.WanModel;
import org.lvsa.toolkit.pipeline.WanPipeline;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "generate",
    description =
        "Makes a video of a prompt with a published text-to-video model, with dense or with"
            + " sparse-window attention.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "The model is a folder in diffusers' format (model_index.json, transformer/, vae/,",
      "text_encoder/, tokenizer/, scheduler/); docs/generate.md tells how to get one. LVSA's",
      "settings come from the LVSA_* variables (./lvsa config) and from the options here.",
      "",
      "Examples:",
      "  ./lvsa generate --model Wan2.1-T2V-1.3B-Diffusers --prompt 'A cat walks on the grass' \\",
      "      --frames 161 --attention lvsa --rotate-keyframes --save-every 5 -o cat.mp4",
      "  ./lvsa generate --model DIR --prompt 'Horses gallop' --frames 33 --resolution 416x240 \\",
      "      --steps 20 --compare -o horses.mp4",
      "  ./lvsa generate --random-weights wan2.1-1.3b --dim-scale small --frames 321 --steps 4 \\",
      "      --rotate-keyframes --compare -o noise.mp4"
    })
final class GenerateCommand implements Callable<Integer> {
  /** What is written. */
  enum OutputType {
    MP4,
    PNG,
    LATENT
  }

  @Spec private CommandSpec spec;

  @Mixin private ModelOptions model;

  @Option(names = "--prompt", paramLabel = "TEXT", description = "what is shown")
  private String prompt;

  @Option(
      names = "--negative-prompt",
      paramLabel = "TEXT",
      defaultValue = "",
      description = "what should not be shown (default: nothing)")
  private String negativePrompt;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      required = true,
      description = "the video; for png a folder of frame-00000.png and so on")
  private Path output;

  @Option(
      names = "--output-type",
      description =
          "${COMPLETION-CANDIDATES}; latent is a safetensors file (default: by OUT's ending)")
  private OutputType outputType;

  @Option(
      names = "--resolution",
      paramLabel = "WIDTHxHEIGHT",
      description = "pixels (default: 832x480, less for random weights that are scaled down)")
  private String resolution;

  @Option(
      names = "--frames",
      defaultValue = "81",
      description = "video frames (default: ${DEFAULT-VALUE})")
  private int frames;

  @Option(
      names = "--fps",
      defaultValue = "16",
      description = "frames per second of the mp4 (default: ${DEFAULT-VALUE})")
  private double fps;

  @Option(
      names = "--steps",
      defaultValue = "50",
      description = "denoising steps (default: ${DEFAULT-VALUE})")
  private int steps;

  @Option(
      names = "--guidance-scale",
      paramLabel = "SCALE",
      defaultValue = "5",
      description = "guidance is on above 1 (default: ${DEFAULT-VALUE})")
  private double guidanceScale;

  @Option(
      names = "--batched-guidance",
      description = "both runs of a guided step as one batch, which takes more memory")
  private boolean batchedGuidance;

  @Option(
      names = "--flow-shift",
      paramLabel = "SHIFT",
      description = "shift of the noise levels (default: the scheduler's own)")
  private Double flowShift;

  @Option(
      names = "--seed",
      defaultValue = "0",
      description = "of the noise, the same on every machine (default: ${DEFAULT-VALUE})")
  private long seed;

  @Option(
      names = "--latents",
      paramLabel = "FILE",
      description = "start from tensor latents, else latents_init, in place of the seed's noise")
  private Path latents;

  @Mixin private AttentionOptions attention;

  @Option(
      names = "--lvsa-steps",
      defaultValue = "examples",
      description =
          "${COMPLETION-CANDIDATES}: how steps are counted for rotation, as the published example"
              + " programs, one step late, or as the plugin (default: ${DEFAULT-VALUE})")
  private StepCounting lvsaSteps;

  @Option(
      names = "--save-every",
      paramLabel = "N",
      description = "keep OUT.resume.safetensors, replaced every N steps; latent keeps these steps")
  private Integer saveEvery;

  @Option(
      names = "--vae-tiling",
      description = "decode large frames in tiles, which takes less memory")
  private boolean vaeTiling;

  @Option(names = "--resume", description = "go on from OUT.resume.safetensors")
  private boolean resume;

  @Option(
      names = "--compare",
      description =
          "make the video with dense and with sparse attention: OUT.dense.mp4, OUT.lvsa.mp4, both"
              + " side by side, and PSNR and SSIM per frame (OUT.csv, OUT.png)")
  private boolean compare;

  @Option(
      names = "--capture",
      paramLabel = "DIR[:LAYERS,STEPS]",
      description =
          "write query, key and value of self-attentions; LAYERS and STEPS: all, N, N-M, joined by +")
  private String capture;

  @Override
  public Integer call() throws Exception {
    model.check();
    GenerationSettings settings = settings();
    GenerateOutput target =
        GenerateOutput.of(output, outputType, fps, settings.size().resolution());
    if (compare) {
      checkCompare(target);
    }
    if (saveEvery != null && saveEvery < 1) {
      throw new IllegalArgumentException("--save-every must be at least 1, got " + saveEvery);
    }
    Optional<CaptureSettings> captured = Optional.ofNullable(capture).map(CaptureSettings::parse);
    ModelOptions.Opened opened = model.open();
    try (WanModel closed = opened.model()) {
      run(closed, opened.identity(), settings, captured, target);
    }
    return 0;
  }

  private GenerationSettings settings() {
    return new GenerationSettings(
        new Prompts(prompt(), negativePrompt),
        new VideoSize(
            resolution == null ? model.resolution() : Resolution.parse(resolution), frames),
        steps,
        new GuidanceSettings(guidanceScale, batchedGuidance),
        flowShift == null ? OptionalDouble.empty() : OptionalDouble.of(flowShift),
        latents == null ? new StartingLatents.Seed(seed) : new StartingLatents.Given(latents));
  }

  private String prompt() {
    if (prompt == null && model.random().isEmpty()) {
      throw new IllegalArgumentException("give --prompt TEXT: what the video shows");
    }
    return prompt == null ? "random numbers" : prompt;
  }

  private void run(
      WanModel opened,
      String fingerprint,
      GenerationSettings settings,
      Optional<CaptureSettings> captured,
      GenerateOutput target)
      throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    LatentSize shape = opened.latents(settings.size());
    LvsaConfig config =
        attention.config(
            Lvsa.environment(spec),
            opened.attentionDefaults(settings),
            line -> err.println("lvsa: warning: " + line));
    opened.requireMemory(settings, tiling());
    model
        .random()
        .ifPresent(
            sizes ->
                out.println(
                    sizes
                        + ", random numbers in place of the text encoder's embeddings: the video"
                        + " shows noise"));
    GenerationAttention.Settings how =
        new GenerationAttention.Settings(config, lvsaSteps, attention.kernel(), captured);
    if (compare) {
      new GenerateCompare(opened, settings, how, target, tiling()).run(out, err);
      return;
    }
    boolean latentsOnly = target.type() == OutputType.LATENT;
    GenerateRun.Saving saving =
        new GenerateRun.Saving(
            Optional.ofNullable(saveEvery),
            resume,
            target.resumeFile(),
            identity(fingerprint, settings, shape, config));
    refuseToOverwrite(saving);
    GenerateRun run = new GenerateRun(opened, settings, how, err);
    try (GenerateProgress progress = new GenerateProgress(err, "")) {
      long begun = System.nanoTime();
      progress.phase("encoding the prompts");
      GenerateRun.Denoised denoised;
      double encoding;
      try (PromptEmbeddings embeddings = new WanPipeline(opened).encode(settings.prompts())) {
        encoding = (System.nanoTime() - begun) / 1e9;
        denoised = run.denoise(embeddings, saving, latentsOnly, progress);
      }
      begun = System.nanoTime();
      String written = "latents";
      if (latentsOnly) {
        run.writeLatents(output, denoised);
      } else {
        written =
            target.write(
                settings.size().resolution(),
                receiver ->
                    run.decode(denoised.latents(), tiling(), target.levels(), receiver, progress));
      }
      GenerateRun.done(saving);
      GenerateRun.print(
          out,
          output + " (" + written + ")",
          config.attention("self").equals("LVSA") ? "lvsa" : "dense",
          denoised);
      out.printf(
          Locale.ROOT,
          "  prompts %s, decoding and writing %s%n",
          GenerateProgress.duration(encoding),
          GenerateProgress.duration((System.nanoTime() - begun) / 1e9));
      out.flush();
    }
  }

  private void checkCompare(GenerateOutput target) {
    if (target.type() != OutputType.MP4) {
      throw new IllegalArgumentException("--compare writes mp4 files, not " + lower(target.type()));
    }
    if (saveEvery != null || resume || capture != null) {
      throw new IllegalArgumentException(
          "--compare makes two videos: leave --save-every, --resume and --capture out");
    }
  }

  private Optional<Tiling> tiling() {
    return vaeTiling ? Optional.of(Tiling.DEFAULT) : Optional.empty();
  }

  private static void refuseToOverwrite(GenerateRun.Saving saving) {
    if (saving.every().isPresent() && !saving.resume() && Files.exists(saving.file())) {
      throw new IllegalArgumentException(
          saving.file()
              + " is of an interrupted run: go on with --resume, or remove it to begin again");
    }
  }

  /** All that decides the result, by name: a run goes on only from one with the same. */
  private Map<String, String> identity(
      String fingerprint, GenerationSettings settings, LatentSize shape, LvsaConfig config) {
    Map<String, String> identity = new LinkedHashMap<>();
    identity.put("prompt", prompt());
    identity.put("negativePrompt", negativePrompt);
    identity.put("resolution", settings.size().resolution().toString());
    identity.put("frames", Integer.toString(frames));
    identity.put("steps", Integer.toString(steps));
    identity.put("guidanceScale", Double.toString(guidanceScale));
    identity.put("batchedGuidance", Boolean.toString(batchedGuidance));
    identity.put("flowShift", String.valueOf(flowShift));
    identity.put("start", settings.start().identity(shape));
    identity.put("lvsaSteps", lower(lvsaSteps));
    identity.put("outputType", lower(outputType == null ? OutputType.MP4 : outputType));
    for (Setting<?> setting : Setting.all()) {
      if (setting.decidesResult()) {
        identity.put(setting.name(), config.value(setting).text());
      }
    }
    identity.put("model", fingerprint);
    return identity;
  }

  /** A lower-case name, for messages. */
  static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
