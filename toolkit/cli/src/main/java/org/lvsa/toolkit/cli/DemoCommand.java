// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.adapter.BlockShape;
import org.lvsa.toolkit.adapter.BlockWeights;
import org.lvsa.toolkit.adapter.ModelAdapter;
import org.lvsa.toolkit.adapter.Streams;
import org.lvsa.toolkit.adapter.Transformer;
import org.lvsa.toolkit.adapter.WanAdapter;
import org.lvsa.toolkit.adapter.Weights;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.cli.DemoRank.Step;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;
import org.lvsa.toolkit.parallel.InProcess;
import org.lvsa.toolkit.parallel.Loopback;
import org.lvsa.toolkit.parallel.Patience;
import org.lvsa.toolkit.parallel.RankProcesses;
import org.lvsa.toolkit.parallel.RunSecret;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "demo",
    description =
        "A transformer of a model's geometry, with random weights, denoises a few steps with dense"
            + " and with sparse attention.",
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
  private static final int TEXT = 32;
  private static final int IMAGE = 17;

  /** How much of a model's width and of its frames is there. */
  enum DimScale {
    SMALL,
    MEDIUM,
    FULL
  }

  /** What ranks are. */
  enum Ranks {
    THREADS,
    PROCESSES
  }

  @Spec private CommandSpec spec;
  @Mixin private DeviceOption device;

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
      defaultValue = "1.0",
      description = "default: ${DEFAULT-VALUE}")
  private double sparsityScale;

  @Option(names = "--rotate-keyframes", description = "move keyframes at each step")
  private boolean rotate;

  @Option(
      names = "--riflex",
      paramLabel = "SCALE",
      description = "slow the temporal position that would repeat, for a video SCALE times as long")
  private Double riflex;

  @Option(names = "--backend", defaultValue = "auto", description = "default: ${DEFAULT-VALUE}")
  private String backend;

  @Option(
      names = "--dtype",
      defaultValue = "f32",
      description =
          "${COMPLETION-CANDIDATES}: how kernels are given query, key and value; tensor cores take"
              + " f16 and bf16 (default: ${DEFAULT-VALUE})")
  private DType dtype;

  @Option(
      names = "--ulysses-degree",
      paramLabel = "N",
      description = "N ranks that divide attention by heads")
  private Integer ulysses;

  @Option(
      names = "--global-kv-degree",
      paramLabel = "N",
      description =
          "N ranks that divide attention by queries and share the global frames' keys and values")
  private Integer globalKv;

  @Option(
      names = "--ranks",
      defaultValue = "threads",
      description =
          "${COMPLETION-CANDIDATES}: of this JVM, or JVMs over TCP on this machine (default:"
              + " ${DEFAULT-VALUE})")
  private Ranks ranks;

  @Option(
      names = "--weights",
      paramLabel = "PATH",
      description =
          "a safetensors file, or a directory with an index, under diffusers' names; with --dim-scale"
              + " full")
  private Path weights;

  @Option(
      names = "--joins",
      hidden = true,
      paramLabel = "RANK:PORT",
      description = "run as a later rank")
  private String joins;

  @Override
  public Integer call() throws Exception {
    ModelGeometry geometry = Models.named(model);
    atLeastOne("--steps", steps);
    atLeastOne("--layers", layers);
    if (ulysses != null && globalKv != null) {
      throw new IllegalArgumentException("give --ulysses-degree or --global-kv-degree, not both");
    }
    int world = ulysses != null ? ulysses : globalKv != null ? globalKv : 1;
    atLeastOne(ulysses != null ? "--ulysses-degree" : "--global-kv-degree", world);
    Scheme scheme = globalKv != null ? Scheme.GLOBAL_KV : Scheme.ULYSSES;
    ModelAdapter adapter = ModelAdapter.of(model);
    BlockShape shape = shape(geometry, adapter, world);
    int latentFrames = adapter.latentFrames(geometry, frames);
    scheme.check(attentionShape(shape, latentFrames), world);
    DemoRank rank =
        new DemoRank(
            adapter,
            weights(adapter, shape),
            noise(adapter, shape, latentFrames),
            latentFrames,
            steps,
            device.options());
    if (joins != null) {
      String[] place = joins.split(":");
      try (Communicator other =
          Loopback.join(
              Integer.parseInt(place[0]),
              world,
              Integer.parseInt(place[1]),
              RunSecret.of(System.getenv()),
              Patience.DEFAULT)) {
        other.work(
            ranks ->
                rank.denoise(
                    config("LVSA", geometry, shape),
                    RankView.of(ranks, scheme),
                    LineLog.none(),
                    () -> {}));
      }
      return 0;
    }
    run(geometry, shape, rank, world, scheme);
    return 0;
  }

  private void run(
      ModelGeometry geometry, BlockShape shape, DemoRank rank, int world, Scheme scheme)
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
    LvsaConfig sdpa = config("SDPA", geometry, shape);
    LvsaConfig lvsa = config("LVSA", geometry, shape);
    List<Step> dense;
    List<Step> sparse;
    List<Step> together = List.of();
    try (ProgressBar bar =
        new ProgressBarBuilder()
            .setTaskName(model)
            .setInitialMax((world == 1 ? 2L : 3L) * steps * layers)
            .setConsumer(new ConsoleProgressBarConsumer(System.err))
            .build()) {
      dense = rank.denoise(sdpa, RankView.alone(), log, bar::step);
      // The same pattern as on all ranks: with global frames around their boundaries, if they have
      // them.
      RankView one =
          new RankView(Communicator.alone(), scheme, scheme.guardsBoundaries() ? world : 1);
      sparse = rank.denoise(lvsa, one, world == 1 ? log : LineLog.none(), bar::step);
      if (world > 1) {
        together = together(rank, lvsa, world, scheme, log, bar);
      }
    }
    out.printf(
        "%s, %d video frames: %d latent frames of %dx%d patches and %d encoder tokens, %d heads of"
            + " %d, %d blocks, %s weights%n",
        geometry.title(),
        frames,
        rank.latentFrames(),
        shape.grid().rows(),
        shape.grid().columns(),
        rank.noise().encoder().size(0),
        shape.heads(),
        shape.headDim(),
        layers,
        weights == null ? "random" : "its own");
    print(out, rank.latentFrames(), dense, sparse, together, world, scheme);
    out.flush();
  }

  private void print(
      PrintWriter out,
      int latentFrames,
      List<Step> dense,
      List<Step> sparse,
      List<Step> together,
      int world,
      Scheme scheme) {
    String onRanks = world + (scheme == Scheme.ULYSSES ? " ranks, by heads" : " ranks, by queries");
    out.printf("%-5s %21s %21s %9s %16s %11s", "", "SDPA ms", "LVSA ms", "attention", "", "");
    out.printf(world == 1 ? "%n" : " %34s%n", onRanks);
    out.printf(
        "%-5s %10s %10s %10s %10s %9s %16s %11s",
        "step",
        "attention",
        "all",
        "attention",
        "all",
        "speed-up",
        "attended frames",
        "difference");
    out.printf(world == 1 ? "%n" : " %10s %10s %12s%n", "attention", "MB sent", "difference");
    for (int step = 0; step < steps; step++) {
      Step exact = dense.get(step);
      Step approximate = sparse.get(step);
      out.printf(
          Locale.ROOT,
          "%-5d %10.1f %10.1f %10.1f %10.1f %9.2f %10.1f of %3d %11.4f",
          step,
          exact.attentionMillis(),
          exact.millis(),
          approximate.attentionMillis(),
          approximate.millis(),
          exact.attentionMillis() / approximate.attentionMillis(),
          approximate.density() * latentFrames,
          latentFrames,
          difference(approximate, exact));
      if (world > 1) {
        Step parallel = together.get(step);
        out.printf(
            Locale.ROOT,
            " %10.1f %10.2f %12.1e",
            parallel.attentionMillis(),
            parallel.bytesSent() / 1e6,
            difference(parallel, approximate));
      }
      out.println();
    }
    out.println("difference: of the video after the step, |LVSA - SDPA| / |SDPA|");
    if (world > 1) {
      out.printf(
          "%s: kernel ms and MB sent of rank 0; difference from one rank with the same pattern%n",
          onRanks);
      if (together.getLast().density() != sparse.getLast().density()) {
        out.printf(
            Locale.ROOT,
            "NOT THE SAME PATTERN: on %s a frame attended to %.1f of %d frames, see the log lines%n",
            onRanks,
            together.getLast().density() * latentFrames,
            latentFrames);
      }
    }
  }

  private static double difference(Step one, Step other) {
    return one.state().sub(other.state()).norm2Number().doubleValue()
        / other.state().norm2Number().doubleValue();
  }

  // ---- ranks

  private List<Step> together(
      DemoRank rank, LvsaConfig config, int world, Scheme scheme, LineLog log, ProgressBar bar)
      throws Exception {
    if (ranks == Ranks.THREADS) {
      return InProcess.run(
              world,
              one ->
                  rank.denoise(
                      config,
                      RankView.of(one, scheme),
                      one.rank() == 0 ? log : LineLog.none(),
                      one.rank() == 0 ? bar::step : () -> {}))
          .getFirst();
    }
    return RankProcesses.run(
        world,
        Patience.DEFAULT,
        this::command,
        first -> rank.denoise(config, RankView.of(first, scheme), log, bar::step));
  }

  /** Another JVM with this one's flags, class path and arguments. */
  private List<String> command(int rank, int port) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Lvsa.class.getName()));
    command.addAll(spec.commandLine().getParseResult().originalArgs());
    command.add("--joins=" + rank + ":" + port);
    return command;
  }

  // ---- the model

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
        throw new IllegalArgumentException("--grid must be ROWSxCOLUMNS, got " + grid);
      }
      patches = new PatchGrid(Integer.parseInt(sides[0]), Integer.parseInt(sides[1]));
    }
    BlockShape shape = BlockShape.of(geometry, patches, count);
    return riflex == null ? shape : shape.riflex(adapter.referenceLatentFrames(geometry), riflex);
  }

  private static AttentionShape attentionShape(BlockShape shape, int frames) {
    return new AttentionShape(
        1, frames, shape.grid().patches(), 0, shape.heads(), shape.kvHeads(), shape.headDim());
  }

  private List<BlockWeights> weights(ModelAdapter adapter, BlockShape shape) {
    if (weights == null) {
      return Transformer.random(adapter, shape, layers, 1);
    }
    try (Weights file = new Weights(weights)) {
      return Transformer.load(adapter, shape, layers, file);
    }
  }

  private Streams noise(ModelAdapter adapter, BlockShape shape, int latentFrames) {
    SplittableRandom random = new SplittableRandom(2);
    boolean image = adapter instanceof WanAdapter wan && wan.image();
    int encoder = image ? IMAGE + WanAdapter.TEXT_TOKENS : TEXT;
    return new Streams(
        normal(random, latentFrames * shape.grid().patches(), shape.width()),
        normal(random, encoder, shape.width()));
  }

  private static INDArray normal(SplittableRandom random, int tokens, int width) {
    INDArray tensor = Nd4j.createUninitialized(DataType.FLOAT, tokens, width);
    MemorySegment memory = NdMemory.view(tensor);
    for (long i = 0; i < tensor.length(); i++) {
      DType.F32.set(memory, i, (float) random.nextGaussian());
    }
    return tensor;
  }

  private LvsaConfig config(String attention, ModelGeometry geometry, BlockShape shape) {
    // What a variable may change comes first, and the environment after it.
    Map<String, String> environment = new HashMap<>(Map.of("LVSA_WAN_HOOK", "1"));
    environment.putAll(System.getenv());
    Map<String, String> options = new HashMap<>();
    options.put("LVSA_BACKEND", backend);
    options.put("LVSA_DTYPE", dtype.name());
    options.put("LVSA_SPARSITY_SCALE", Double.toString(sparsityScale));
    options.put("LVSA_ROTATE_KEYFRAMES", rotate ? "1" : "0");
    options.put("LVSA_REFERENCE_LATENT_FRAMES", Integer.toString(geometry.referenceFrames()));
    options.put("LVSA_PATCHES_PER_FRAME", Integer.toString(shape.grid().patches()));
    options.put("LVSA_CFG_PASSES", "1");
    LvsaConfig config =
        LvsaConfig.of(
            environment,
            options,
            line -> {
              if (attention.equals("LVSA") && joins == null) {
                spec.commandLine().getErr().println("lvsa: warning: " + line);
              }
            });
    return config.withAttention(attention);
  }
}
