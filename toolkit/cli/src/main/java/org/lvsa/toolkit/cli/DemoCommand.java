// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.cli.DemoRank.Step;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.Pipelines;
import org.lvsa.toolkit.pipeline.RandomSizes;
import org.lvsa.toolkit.pipeline.RankPlan;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "demo",
    description =
        "A model with random weights denoises a few steps with dense and with sparse attention, on"
            + " one rank or several. generate --random-weights makes a video with it.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  ./lvsa demo --model wan2.1-1.3b --frames 321 --steps 4 --layers 2 --dim-scale small \\",
      "      --rotate-keyframes --ulysses-degree 2",
      "  ./lvsa demo --model hunyuanvideo-1.5 --frames 257 --global-kv-degree 4 --ranks processes",
      "",
      "Real: the whole transformer, frames, positions, headDim, pattern, log lines, ranks. Not"
          + " real:",
      "the weights, and at --dim-scale small a frame of few patches and few heads; so the times",
      "compare with each other and the difference with nothing. LVSA_* variables count."
    })
final class DemoCommand implements Callable<Integer> {
  private static final Map<String, Setting<?>> SETTINGS =
      Map.of(
          "--backend", Setting.LVSA_BACKEND,
          "--dtype", Setting.LVSA_DTYPE,
          "--sparsity-scale", Setting.LVSA_SPARSITY_SCALE,
          "--rotate-keyframes", Setting.LVSA_ROTATE_KEYFRAMES);

  private static final int MOST_STEPS = 100_000;

  @Spec private CommandSpec spec;
  @Mixin private DeviceOption device;
  @Mixin private RankOptions rankOptions;

  @Option(
      names = "--model",
      defaultValue = "wan2.1-1.3b",
      description = "default: ${DEFAULT-VALUE}")
  private String model;

  @Option(names = "--frames", defaultValue = "161", description = "default: ${DEFAULT-VALUE}")
  private int frames;

  @Option(names = "--steps", defaultValue = "4", description = "default: ${DEFAULT-VALUE}")
  private int steps;

  @Option(names = "--layers", defaultValue = "2", description = "default: ${DEFAULT-VALUE}")
  private int layers;

  @Option(
      names = "--dim-scale",
      defaultValue = "small",
      description =
          "${COMPLETION-CANDIDATES}: small is 2 heads and frames of 6x10 patches, medium a third of"
              + " the heads and 15x26 patches, full the model's own (default: ${DEFAULT-VALUE})")
  private RandomSizes.Scale dimScale;

  @Option(names = "--heads", description = "heads, in place of --dim-scale's")
  private Integer heads;

  @Option(
      names = "--grid",
      paramLabel = "ROWSxCOLUMNS",
      description = "patches of a frame, in place of --dim-scale's")
  private String grid;

  @Option(
      names = "--sparsity-scale",
      description = "share of the training horizon that a frame may attend to (default: 1.0)")
  private Double sparsityScale;

  @Option(names = "--rotate-keyframes", description = "move keyframes at each step")
  private Boolean rotate;

  @Option(
      names = "--riflex",
      paramLabel = "SCALE",
      description = "slow the temporal position that would repeat, for a video SCALE times as long")
  private Double riflex;

  @Option(names = "--backend", description = "default: auto")
  private String backend;

  @Option(
      names = "--dtype",
      description =
          "${COMPLETION-CANDIDATES}: how kernels are given query, key and value; tensor cores take"
              + " f16 and bf16 (default: f32)")
  private DType dtype;

  @Override
  public Integer call() throws Exception {
    ModelGeometry geometry = Models.named(model);
    if (steps < 1 || steps > MOST_STEPS) {
      throw new IllegalArgumentException(
          "--steps must be at least 1 and at most " + MOST_STEPS + ", got " + steps);
    }
    RankPlan ranks = rankOptions.plan();
    int world = ranks.world();
    RandomSizes sizes =
        new RandomSizes(
            model,
            dimScale,
            OptionalInt.of(layers),
            OptionalInt.of(
                heads != null
                    ? heads
                    : Math.ceilDiv(dimScale.of(geometry.heads()), world) * world));
    PatchGrid patches = patches(geometry);
    GenerationSettings settings = settings(geometry, patches);
    try (VideoPipeline pipeline = Pipelines.random(sizes)) {
      ranks.check(pipeline, settings);
      ranks
          .scheme()
          .check(
              shape(pipeline, geometry, settings, patches, sizes),
              ranks.groups().ulysses(),
              ranks.groups().ring());
      MemoryNeed.require(
          pipeline.memory(settings, Optional.empty(), ranks.ranksPerProcess()).stream()
              .filter(need -> need.part().equals(MemoryNeed.DENOISING))
              .toList());
      if (riflex != null) {
        pipeline.riflex(riflex);
      }
      return run(pipeline, settings, patches, ranks);
    }
  }

  private int run(
      VideoPipeline pipeline, GenerationSettings settings, PatchGrid patches, RankPlan ranks)
      throws Exception {
    PrintWriter err = spec.commandLine().getErr();
    LvsaConfig config =
        config(
            Lvsa.environment(spec),
            TypedOptions.of(spec, SETTINGS),
            pipeline.attentionDefaults(settings),
            patches,
            line -> {
              if (!ranks.later()) {
                err.println("lvsa: warning: " + line);
              }
            });
    RankPlan onDevices = ranks.onDevices(config, device.options());
    GenerationAttention.Settings attention =
        new GenerationAttention.Settings(
            config, StepCounting.PLUGIN, device.options(), Optional.empty());
    try (Denoising denoising = pipeline.prepare(settings)) {
      DemoRank rank = new DemoRank(pipeline, settings, denoising, attention);
      if (onDevices.later()) {
        return onDevices.runLater(
                one -> rank.denoise("LVSA", onDevices.view(one), LineLog.none(), () -> {}))
            ? 0
            : Lvsa.FAILED;
      }
      table(pipeline, settings, patches, onDevices, rank);
    }
    return 0;
  }

  private void table(
      VideoPipeline pipeline,
      GenerationSettings settings,
      PatchGrid patches,
      RankPlan ranks,
      DemoRank rank)
      throws Exception {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    // On a terminal a line takes the place of the progress bar, which is drawn again below it.
    String clear = System.console() != null && System.console().isTerminal() ? "\r\033[2K" : "";
    LineLog log =
        (level, line) -> {
          err.println(clear + line);
          err.flush();
        };
    List<Step> dense;
    List<Step> sparse;
    List<Step> together = List.of();
    boolean several = ranks.world() > 1;
    warmUp(rank);
    try (ProgressBar bar =
        new ProgressBarBuilder()
            .setTaskName(model)
            .setInitialMax((several ? 3L : 2L) * steps)
            .setConsumer(new ConsoleProgressBarConsumer(System.err))
            .build()) {
      dense = rank.denoise("SDPA", RankView.alone(), log, bar::step);
      sparse = rank.denoise("LVSA", ranks.alone(), several ? LineLog.none() : log, bar::step);
      if (several) {
        together =
            ranks.run(
                one ->
                    one.rank() == 0
                        ? rank.denoise("LVSA", ranks.view(one), log, bar::step)
                        : rank.denoise("LVSA", ranks.view(one), LineLog.none(), () -> {}));
      }
    }
    int latentFrames = pipeline.attended(settings.size()).frames();
    out.printf(
        Locale.ROOT,
        "%s, %d video frames: %d latent frames of %dx%d patches, %d heads of %d, %d blocks, random"
            + " weights%n",
        Models.named(model).title(),
        frames,
        latentFrames,
        patches.rows(),
        patches.columns(),
        pipeline.geometry().get("heads"),
        pipeline.geometry().get("head_dim"),
        layers);
    new DemoTable(dense, sparse, together, latentFrames, ranks).print(out);
    out.flush();
  }

  /** One step before the clock runs: the JVM compiles, kernels open. */
  private void warmUp(DemoRank rank) {
    GenerationSettings all = rank.settings();
    GenerationSettings one =
        new GenerationSettings(
            all.prompts(), all.size(), 1, all.guidance(), all.flowShift(), all.start());
    try (Denoising denoising = rank.pipeline().prepare(one)) {
      new DemoRank(rank.pipeline(), one, denoising, rank.attention())
          .denoise("SDPA", RankView.alone(), LineLog.none(), () -> {});
    }
  }

  private GenerationSettings settings(ModelGeometry geometry, PatchGrid patches) {
    int pixels = geometry.patchPixels();
    return new GenerationSettings(
        new GenerationSettings.Prompts("random numbers", ""),
        new VideoSize(
            new Resolution(
                Math.multiplyExact(patches.columns(), pixels),
                Math.multiplyExact(patches.rows(), pixels)),
            frames),
        steps,
        new GuidanceSettings(1, false),
        OptionalDouble.empty(),
        new StartingLatents.Seed(2));
  }

  private static AttentionShape shape(
      VideoPipeline pipeline,
      ModelGeometry geometry,
      GenerationSettings settings,
      PatchGrid patches,
      RandomSizes sizes) {
    int heads = sizes.headsOf(geometry.heads());
    int latentFrames = pipeline.attended(settings.size()).frames();
    return new AttentionShape(
        1, latentFrames, patches.patches(), 0, heads, heads, geometry.headDim());
  }

  /**
   * The settings in force: what was typed, then the environment's, then the demo's own, which fit
   * the model.
   *
   * @param environment the process's variables
   * @param typed options that the user typed, by variable name
   * @param own what the model gives
   * @param warn takes a line per {@code LVSA_*} name that nobody knows
   */
  static LvsaConfig config(
      Map<String, String> environment,
      Map<String, String> typed,
      Map<Setting<?>, String> own,
      PatchGrid patches,
      Consumer<String> warn) {
    LvsaConfig config =
        LvsaConfig.of(environment, typed, warn)
            .withDefault(Setting.LVSA_BACKEND, "auto")
            .withDefault(Setting.LVSA_PATCHES_PER_FRAME, Integer.toString(patches.patches()));
    for (Map.Entry<Setting<?>, String> setting : own.entrySet()) {
      config = config.withDefault(setting.getKey(), setting.getValue());
    }
    return config;
  }

  private PatchGrid patches(ModelGeometry geometry) {
    if (grid != null) {
      String[] sides = grid.split("x");
      if (sides.length != 2
          || !sides[0].matches("[1-9]\\d{0,3}")
          || !sides[1].matches("[1-9]\\d{0,3}")) {
        throw new IllegalArgumentException(
            "--grid must be ROWSxCOLUMNS, from 1x1 to 9999x9999, got " + Messages.cut(grid));
      }
      return new PatchGrid(Integer.parseInt(sides[0]), Integer.parseInt(sides[1]));
    }
    return switch (dimScale) {
      case SMALL -> new PatchGrid(6, 10);
      case MEDIUM -> new PatchGrid(15, 26);
      case FULL -> geometry.grid(Resolution.parse(geometry.resolutions().getFirst()));
    };
  }
}
