// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.lvsa.toolkit.attention.AskedPattern;
import org.lvsa.toolkit.attention.PatternAttention;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.CaptureSettings;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.PipelineDefaults;
import org.lvsa.toolkit.pipeline.RankPlan;
import org.lvsa.toolkit.pipeline.RankStart;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoRun;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vision.Picture;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "generate",
    description =
        "Makes a video of a prompt with a published video model, with dense or with"
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
      "      --rotate-keyframes --compare -o noise.mp4",
      "  ./lvsa generate --model DIR --prompt 'Horses gallop' --frames 161 \\",
      "      --attention sta:tile=3x4x4,window=3x3x3,dense_steps=30%% -o horses.mp4",
      "  ./lvsa generate --model DIR --prompt 'Horses gallop' --frames 161 --attention lvsa \\",
      "      --backend tornado --dtype f16 --precision int8 -o horses.mp4"
    })
final class GenerateCommand implements Callable<Integer> {
  /** What is written. */
  enum OutputType {
    MP4,
    PNG,
    LATENT
  }

  /** Stands for any model's defaults, to check options before a model is opened. */
  private static final PipelineDefaults ANY =
      new PipelineDefaults(new Resolution(832, 480), 81, 50, 5, 16);

  @Spec private CommandSpec spec;

  @Mixin private ModelOptions model;
  @Mixin private SamplingOptions sampling;

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
      names = "--fps",
      description = "frames per second of the mp4 (default: the model's, such as 16)")
  private Double fps;

  @Mixin private HowOptions how;
  @Mixin private AttentionOptions attention;
  @Mixin private RankOptions rankOptions;
  @Mixin private CacheOptions cacheOptions;

  @Mixin private TransformerOption transformer;
  @Mixin private OffloadOptions offload;
  @Mixin private ProfileOption profile;
  @Mixin private LoadOptions load;

  @Option(
      names = "--save-every",
      paramLabel = "N",
      description = "keep OUT.resume.safetensors, replaced every N steps; latent keeps these steps")
  private Integer saveEvery;

  @Option(names = "--resume", description = "go on from OUT.resume.safetensors")
  private boolean resume;

  @Option(
      names = "--compare",
      description =
          "make the video with dense and with sparse attention: OUT.dense.mp4, OUT.lvsa.mp4 (or the"
              + " pattern's name), both"
              + " side by side, and PSNR and SSIM per frame (OUT.csv, OUT.png)")
  private boolean compare;

  @Option(
      names = "--evaluate",
      description =
          "with --compare: judge both videos too, and end with one table of time, density and"
              + " quality (OUT.quality.json)")
  private boolean evaluate;

  @Option(
      names = "--capture",
      paramLabel = "DIR[:LAYERS,STEPS]",
      description =
          "write query, key and value of self-attentions; LAYERS and STEPS: all, N, N-M, joined by"
              + " +")
  private String capture;

  @Override
  public Integer call() throws Exception {
    model.check();
    load.check();
    boolean promptNeeded = !model.random();
    // What is wrong whatever the model is, is told before a model is opened.
    GenerationSettings.Inputs inputs = sampling.inputs(how);
    GenerationSettings checked = sampling.settings(ANY, how, inputs, promptNeeded);
    GenerateOutput.of(
        output, outputType, fps == null ? ANY.fps() : fps, checked.size().resolution());
    if (saveEvery != null && saveEvery < 1) {
      throw new IllegalArgumentException("--save-every must be at least 1, got " + saveEvery);
    }
    Optional<CaptureSettings> captured = Optional.ofNullable(capture).map(CaptureSettings::parse);
    if (capture != null && rankOptions.plan().groups().tensor() > 1) {
      throw new IllegalArgumentException(
          "--capture writes all heads of an attention, ranks of --tensor-parallel-size have some"
              + " each: leave one of them out");
    }
    cacheOptions.settings();
    offload.check(model.random(), rankOptions.plan().world(), transformer.place());
    transformer.check(
        !rankOptions.plan().eachHasWholeTransformer()
            || capture != null
            || attention.pattern().isPresent());
    transformer.checkVae(rankOptions.plan().decoding().ranks());
    attention
        .pattern()
        .ifPresent(
            text -> PatternAttention.requireOneRank(text, rankOptions.plan().groups().sequence()));
    rankOptions.plan().checkCache(cacheOptions.settings().isPresent());
    int rank = rankOptions.plan().start().place().map(RankStart.Place::rank).orElse(0);
    return profile.around(
        rank, spec.commandLine().getOut(), () -> generate(captured, inputs, promptNeeded));
  }

  private int generate(
      Optional<CaptureSettings> captured, GenerationSettings.Inputs inputs, boolean promptNeeded)
      throws Exception {
    ModelOptions.Opened opened = model.open();
    PrintWriter out = spec.commandLine().getOut();
    try (VideoPipeline own = opened.pipeline()) {
      // The same pipeline, so closing one of the two is enough.
      VideoPipeline pipeline = offload.around(own, transformer.place(), out::println);
      sampling.check(pipeline, how);
      how.riflex().ifPresent(pipeline::riflex);
      GenerationSettings settings =
          sampling.settings(
              pipeline.defaults(inputs.image().map(Picture::size)), how, inputs, promptNeeded);
      GenerateOutput target =
          GenerateOutput.of(
              output,
              outputType,
              fps == null ? pipeline.defaults().fps() : fps,
              settings.size().resolution());
      if (compare) {
        checkCompare(target);
      }
      return run(
          new ModelOptions.Opened(pipeline, opened.identity(), opened.weights()),
          settings,
          captured,
          target);
    }
  }

  private int run(
      ModelOptions.Opened opened,
      GenerationSettings settings,
      Optional<CaptureSettings> captured,
      GenerateOutput target)
      throws Exception {
    VideoPipeline pipeline = opened.pipeline();
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    PrintWriter quiet = new PrintWriter(Writer.nullWriter());
    LatentSize shape = pipeline.latents(settings.size());
    RankPlan planned = rankOptions.plan();
    planned.check(pipeline, settings);
    LvsaConfig config =
        transformer.backend(
            attention.config(
                Lvsa.environment(spec),
                planned.attentionDefaults(pipeline, settings),
                line -> {
                  if (!planned.later()) {
                    err.println("lvsa: warning: " + line);
                  }
                }),
            attention.kernel());
    RankPlan ranks = planned.onDevices(config, attention.kernel());
    DeviceChoice device =
        transformer.decoding(
            TransformerOption.choice(
                config, ranks.kernel(attention.kernel()), cacheOptions, offload),
            pipeline,
            ranks.decoding().ranks() == 1 && !ranks.later() && target.type() != OutputType.LATENT,
            how.tiling());
    transformer.require(pipeline, settings.size(), device, ranks.later() ? quiet : err);
    offload.require(
        pipeline,
        one -> ranks.memory(one, settings, how.tiling()),
        !model.random() && ranks.world() == 1,
        out::println);
    if (!ranks.later()) {
      load.read(opened.weights(), err);
      transformer.place(pipeline, Optional.of(settings.size()), device, err);
    }
    if (captured.isPresent()) {
      Files.createDirectories(captured.get().directory());
    }
    if (model.random() && !ranks.later()) {
      out.println(
          model.randomTitle(pipeline)
              + ", random numbers in place of the text encoder's embeddings: the video shows"
              + " noise");
    }
    GenerationAttention.Settings attended =
        new GenerationAttention.Settings(
            config,
            how.lvsaSteps(),
            attention.kernel(),
            captured,
            cacheOptions.settings(),
            attention.pattern().map(text -> pipeline.asked(text, settings.steps())));
    if (compare) {
      new GenerateCompare(pipeline, settings, attended, target, how.tiling(), evaluate)
          .run(out, err);
      return 0;
    }
    boolean latentsOnly = target.type() == OutputType.LATENT;
    VideoRun.Saving saving =
        new VideoRun.Saving(
            Optional.ofNullable(saveEvery),
            resume,
            target.resumeFile(),
            identity(opened.identity(), settings, shape, attended, latentsOnly));
    if (ranks.later()) {
      VideoRun run = new VideoRun(pipeline, settings, attended, VideoRun.Listener.NONE);
      // It joins first: reading and encoding may take longer than the others wait for it to come.
      return ranks.runLater(
              one -> {
                transformer.place(pipeline, Optional.of(settings.size()), device, quiet);
                try (Denoising denoising = pipeline.prepare(settings)) {
                  return run.denoiseQuietly(ranks, one, denoising, saving);
                }
              })
          ? 0
          : Lvsa.FAILED;
    }
    refuseToOverwrite(saving);
    try (GenerateProgress progress = new GenerateProgress(err, "")) {
      VideoRun run = new VideoRun(pipeline, settings, attended, progress);
      long begun = System.nanoTime();
      progress.phase("encoding the prompts");
      VideoRun.Denoised denoised;
      double encoding;
      try (Denoising denoising = pipeline.prepare(settings)) {
        encoding = (System.nanoTime() - begun) / 1e9;
        denoised = run.denoise(ranks, denoising, saving, latentsOnly);
      }
      begun = System.nanoTime();
      String written = "latents";
      if (latentsOnly) {
        run.writeLatents(output, denoised);
      } else {
        written =
            target.write(
                settings.size().resolution(),
                receiver -> run.decode(denoised, how.tiling(), target.levels(), receiver));
      }
      saving.done();
      GenerateSummary.print(out, output + " (" + written + ")", attended.name(), denoised);
      out.printf(
          Locale.ROOT,
          "  prompts %s, decoding and writing %s%n",
          GenerateProgress.duration(encoding),
          GenerateProgress.duration((System.nanoTime() - begun) / 1e9));
      if (ranks.world() > 1) {
        out.println("  on " + ranks + ranks.start().devicesInWords());
      }
      out.flush();
    }
    return 0;
  }

  private void checkCompare(GenerateOutput target) {
    if (target.type() != OutputType.MP4) {
      throw new IllegalArgumentException("--compare writes mp4 files, not " + lower(target.type()));
    }
    if (saveEvery != null || resume || capture != null) {
      throw new IllegalArgumentException(
          "--compare makes two videos: leave --save-every, --resume and --capture out");
    }
    if (rankOptions.plan().world() > 1) {
      throw new IllegalArgumentException("--compare runs on one rank: leave the ranks out");
    }
  }

  private static void refuseToOverwrite(VideoRun.Saving saving) {
    if (saving.every().isPresent() && !saving.resume() && Files.exists(saving.file())) {
      throw new IllegalArgumentException(
          saving.file()
              + " is of an interrupted run: go on with --resume, or remove it to begin again");
    }
  }

  /** All that decides the result, by name: a run goes on only from one with the same. */
  private Map<String, String> identity(
      String fingerprint,
      GenerationSettings settings,
      LatentSize shape,
      GenerationAttention.Settings attended,
      boolean keepsSteps) {
    Map<String, String> identity = new LinkedHashMap<>(settings.identity(shape));
    identity.put("lvsaSteps", lower(how.lvsaSteps()));
    identity.put("keptSteps", keepsSteps ? String.valueOf(saveEvery) : "none");
    for (Setting<?> setting : Setting.all()) {
      if (setting.decidesResult()) {
        identity.put(setting.name(), attended.config().value(setting).text());
      }
    }
    identity.put("ranks", rankOptions.plan().toString());
    identity.put(
        "cache",
        cacheOptions.settings().map(cache -> cache.backend() + " " + cache).orElse("none"));
    identity.put("pattern", attended.pattern().map(AskedPattern::identity).orElse("none"));
    identity.put("riflex", how.riflex().isEmpty() ? "none" : "" + how.riflex().getAsDouble());
    identity.put("transformer", lower(transformer.place()));
    identity.put("model", fingerprint);
    return identity;
  }

  /** A lower-case name, for messages. */
  static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
