// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.adapter.BlockShape;
import org.lvsa.toolkit.adapter.ModelAdapter;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.cli.DemoRank.Step;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.RankPlan;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "demo",
    description =
        "The attention blocks of a model, with random weights, denoise a few steps with dense and with"
            + " sparse attention. For Wan, generate --random-weights runs the whole model.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  ./lvsa demo --model wan2.1-1.3b --frames 321 --steps 4 --layers 2 --dim-scale small \\",
      "      --rotate-keyframes --ulysses-degree 2",
      "  ./lvsa demo --model hunyuanvideo-1.5 --frames 257 --global-kv-degree 4 --ranks processes",
      "",
      "Real: frames, positions, headDim, blocks, pattern, log lines, ranks. Not real: the weights",
      "(unless --weights gives them), and at --dim-scale small a frame of few patches and few heads;",
      "so the times compare with each other and the difference with nothing. LVSA_* variables count."
    })
final class DemoCommand implements Callable<Integer> {
  private static final Map<String, Setting<?>> SETTINGS =
      Map.of(
          "--backend", Setting.LVSA_BACKEND,
          "--dtype", Setting.LVSA_DTYPE,
          "--sparsity-scale", Setting.LVSA_SPARSITY_SCALE,
          "--rotate-keyframes", Setting.LVSA_ROTATE_KEYFRAMES);

  /** How much of a model's width and of its frames is there. */
  enum DimScale {
    SMALL,
    MEDIUM,
    FULL
  }

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
  private DimScale dimScale;

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

  @Option(
      names = "--weights",
      paramLabel = "PATH",
      description =
          "a safetensors file, or a directory with an index, under diffusers' names; with --dim-scale"
              + " full")
  private Path weights;

  @Override
  public Integer call() throws Exception {
    RankPlan ranks = rankOptions.plan();
    DemoPlan plan = plan(ranks);
    plan.check(ranks);
    PrintWriter err = spec.commandLine().getErr();
    LvsaConfig config =
        plan.config(
            Lvsa.environment(spec),
            TypedOptions.of(spec, SETTINGS),
            line -> {
              if (!ranks.later()) {
                err.println("lvsa: warning: " + line);
              }
            });
    DemoRank rank = new DemoRank(plan, plan.blockWeights(), plan.noise(), config, device.options());
    if (ranks.later()) {
      return ranks.runLater(one -> rank.denoise("LVSA", ranks.view(one), LineLog.none(), () -> {}))
          ? 0
          : Lvsa.FAILED;
    }
    run(plan, rank, ranks);
    return 0;
  }

  private void run(DemoPlan plan, DemoRank rank, RankPlan ranks) throws Exception {
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
    try (ProgressBar bar =
        new ProgressBarBuilder()
            .setTaskName(model)
            .setInitialMax((several ? 3L : 2L) * steps * layers)
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
    BlockShape shape = plan.shape();
    out.printf(
        Locale.ROOT,
        "%s, %d video frames: %d latent frames of %dx%d patches and %d encoder tokens, %d heads of"
            + " %d, %d blocks, %s weights%n",
        plan.geometry().title(),
        frames,
        plan.latentFrames(),
        shape.grid().rows(),
        shape.grid().columns(),
        rank.noise().encoder().size(0),
        shape.heads(),
        shape.headDim(),
        layers,
        weights == null ? "random" : "its own");
    new DemoTable(dense, sparse, together, plan.latentFrames(), ranks).print(out);
    out.flush();
  }

  private DemoPlan plan(RankPlan ranks) {
    ModelGeometry geometry = Models.named(model);
    atLeastOne("--steps", steps);
    atLeastOne("--layers", layers);
    ModelAdapter adapter = ModelAdapter.of(model);
    return new DemoPlan(
        geometry,
        adapter,
        shape(geometry, adapter, ranks.world()),
        adapter.latentFrames(geometry, frames),
        layers,
        steps,
        Optional.ofNullable(weights));
  }

  private static void atLeastOne(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1, got " + value);
    }
  }

  private BlockShape shape(ModelGeometry geometry, ModelAdapter adapter, int world) {
    if (weights != null && (dimScale != DimScale.FULL || heads != null)) {
      throw new IllegalArgumentException(
          "--weights are of the model's own width: they need --dim-scale full, without --heads");
    }
    int group = geometry.heads() / geometry.kvHeads();
    int wanted =
        switch (dimScale) {
          case SMALL -> Math.ceilDiv(2, world) * world;
          case MEDIUM -> Math.ceilDiv(geometry.heads() / 3, world) * world;
          case FULL -> geometry.heads();
        };
    int count = heads != null ? heads : Math.ceilDiv(wanted, group) * group;
    PatchGrid patches =
        switch (dimScale) {
          case SMALL -> new PatchGrid(6, 10);
          case MEDIUM -> new PatchGrid(15, 26);
          case FULL -> geometry.grid(Resolution.parse(geometry.resolutions().getFirst()));
        };
    if (grid != null) {
      String[] sides = grid.split("x");
      if (sides.length != 2
          || !sides[0].matches("[1-9]\\d{0,3}")
          || !sides[1].matches("[1-9]\\d{0,3}")) {
        throw new IllegalArgumentException(
            "--grid must be ROWSxCOLUMNS, from 1x1 to 9999x9999, got " + Messages.cut(grid));
      }
      patches = new PatchGrid(Integer.parseInt(sides[0]), Integer.parseInt(sides[1]));
    }
    BlockShape shape = BlockShape.of(geometry, patches, count);
    return riflex == null ? shape : shape.riflex(adapter.referenceLatentFrames(geometry), riflex);
  }
}
