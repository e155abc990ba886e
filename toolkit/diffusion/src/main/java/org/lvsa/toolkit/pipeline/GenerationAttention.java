// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.attention.AskedPattern;
import org.lvsa.toolkit.attention.Attended;
import org.lvsa.toolkit.attention.AttentionProcessor;
import org.lvsa.toolkit.attention.BackendProcessor;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.GenerationOptions;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.LvsaProcessor;
import org.lvsa.toolkit.attention.PatternAttention;
import org.lvsa.toolkit.attention.ProcessorAttention;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.blocks.ProfiledBlocks;
import org.lvsa.toolkit.cache.CacheSettings;
import org.lvsa.toolkit.cache.StepCache;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.offload.WeightTurns;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.pipeline.VideoPipeline.AttendedVideo;
import org.lvsa.toolkit.sharding.SequencePlan;
import org.lvsa.toolkit.sharding.SequenceShards;

/**
 * The self-attention of one denoising run, dense or sparse as the settings say, on the backend that
 * they name. Counts what really runs, and writes queries, keys and values to files where that is
 * asked for.
 */
public final class GenerationAttention implements VideoSelfAttention, AutoCloseable {
  /** The name of a pipeline's transformer where there is one. */
  static final String TRANSFORMER = "transformer";

  private static final String PASSED_OVER = "auto passes over";

  private final Generation generation;
  private final AttentionProcessor processor;
  private final Optional<PatternAttention> pattern;
  private final VideoSelfAttention attention;
  private final Optional<CaptureSettings> capture;
  private final StepCounting counting;
  private final boolean sparse;
  private final List<String> passedOver = new ArrayList<>();
  private SequenceShards shards = SequenceShards.whole(0);
  private int step;
  private List<DenoisingLoop.Branch> branches = List.of();
  private Optional<Elsewhere> elsewhere = Optional.empty();
  private int calls;
  private double densities;
  private BlockRunner blocks = BlockRunner.ALL;
  private BlockRunner choosing = BlockRunner.ALL;
  private Optional<WeightTurns> weights = Optional.empty();
  private Optional<StepCache> cache = Optional.empty();

  /**
   * How a run attends.
   *
   * @param config settings; LVSA runs where they select it for the role {@code self}
   * @param counting how steps are counted for rotation
   * @param kernel device and kernel
   * @param capture what is written to files
   * @param cache takes steps' blocks from earlier steps; empty to compute all
   * @param pattern a pattern of the laboratory that self-attention has; empty for what the
   *     configuration says
   */
  public record Settings(
      LvsaConfig config,
      StepCounting counting,
      KernelOptions kernel,
      Optional<CaptureSettings> capture,
      Optional<CacheSettings> cache,
      Optional<AskedPattern> pattern) {
    /** Dense attention or LVSA. */
    public Settings(
        LvsaConfig config,
        StepCounting counting,
        KernelOptions kernel,
        Optional<CaptureSettings> capture,
        Optional<CacheSettings> cache) {
      this(config, counting, kernel, capture, cache, Optional.empty());
    }

    /** Every step is computed. */
    public Settings(
        LvsaConfig config,
        StepCounting counting,
        KernelOptions kernel,
        Optional<CaptureSettings> capture) {
      this(config, counting, kernel, capture, Optional.empty());
    }

    /** These settings with another attention than the configured one, and no files. */
    public Settings withAttention(String name) {
      return new Settings(
          config.withAttention(name), counting, kernel, Optional.empty(), cache, Optional.empty());
    }

    /** A short name: {@code dense}, {@code lvsa}, or a pattern's. */
    public String name() {
      return pattern
          .map(asked -> AskedPattern.name(asked.text()))
          .orElse(config.attention("self").equals("LVSA") ? "lvsa" : "dense");
    }

    /** These settings with another scale of sparse attention. */
    public Settings withSparsityScale(double scale) {
      return new Settings(
          config.with(Setting.LVSA_SPARSITY_SCALE, Double.toString(scale)),
          counting,
          kernel,
          capture,
          cache,
          pattern);
    }

    /** The sparse one of the two attentions that are compared, without files. */
    public Settings sparse() {
      return pattern.map(withAttention("SDPA")::withPattern).orElse(withAttention("LVSA"));
    }

    /** These settings with that step cache. */
    public Settings withCache(Optional<CacheSettings> other) {
      return new Settings(config, counting, kernel, capture, other, pattern);
    }

    /** These settings with a pattern of the laboratory. */
    public Settings withPattern(AskedPattern asked) {
      return new Settings(config, counting, kernel, capture, cache, Optional.of(asked));
    }
  }

  /** As {@link #GenerationAttention(Settings, AttendedVideo, LineLog, RankView)}, on one rank. */
  public GenerationAttention(Settings settings, AttendedVideo video, LineLog log) {
    this(settings, video, log, RankView.alone());
  }

  /**
   * Opens a kernel.
   *
   * @param video that attends
   * @param log takes the published lines
   * @param view this rank's place among those that make the video together
   * @throws org.lvsa.toolkit.backend.UnavailableException if the backend cannot run here, or a
   *     pattern of the laboratory is to run on several ranks
   */
  public GenerationAttention(Settings settings, AttendedVideo video, LineLog log, RankView view) {
    settings
        .pattern()
        .ifPresent(asked -> PatternAttention.requireOneRank(asked.text(), view.world()));
    capture = settings.capture();
    counting = settings.counting();
    sparse = settings.config().attention("self").equals("LVSA");
    generation =
        new Generation(
            GenerationOptions.of(settings.config())
                .withLatentFrames(video.frames())
                .withCounting(settings.counting())
                .withView(view)
                .withKernel(settings.kernel()),
            (level, line) -> {
              if (line.startsWith(PASSED_OVER)) {
                passedOver.add(line);
              }
              log.line(level, line);
            });
    processor = processor(settings.config(), video);
    pattern = settings.pattern().map(asked -> new PatternAttention(generation, asked, () -> step));
    attention =
        pattern.isPresent()
            ? pattern.get()
            : new SharedAttention(
                new ProcessorAttention(generation, processor), view.ranks(), () -> shards.inside());
    runBlocksWith(BlockRunner.ALL);
  }

  /**
   * Sparse attention is hooked into the blocks, which a line of the log says as the published
   * implementation does, unless somebody turned the model's hook off.
   */
  private AttentionProcessor processor(LvsaConfig config, AttendedVideo video) {
    if (!sparse || video.hook().isEmpty()) {
      return AttentionProcessor.of(config, video.model());
    }
    VideoPipeline.Hook hook = video.hook().get();
    if (hook.variable().isPresent()) {
      Setting<Boolean> variable = hook.variable().get();
      if (config.value(variable).origin() != LvsaConfig.Origin.DEFAULT && !config.on(variable)) {
        return new BackendProcessor(variable.name() + "=1");
      }
    }
    generation.say(
        String.format(
            Locale.ROOT,
            "[LVSA-hook] Installed LVSA hook on %s (%d blocks, T_lat=%d, sparsity_scale=%s)",
            hook.module(),
            hook.blocks(),
            video.frames(),
            config.value(Setting.LVSA_SPARSITY_SCALE).text()));
    return new LvsaProcessor(video.model());
  }

  /**
   * Runs the transformer's blocks through a step cache from now on.
   *
   * @param its stays the caller's to close
   */
  void cacheSteps(StepCache its) {
    cache = Optional.of(its);
    runBlocksWith(its);
  }

  /** Runs the transformer's blocks with another runner from now on. */
  public void runBlocksWith(BlockRunner runner) {
    choosing = runner;
    blocks = ProfiledBlocks.of(weights.map(turns -> turns.around(runner)).orElse(runner));
  }

  /**
   * Tells of each run of a transformer and of each block from now on, so that only the weights that
   * are needed are in memory.
   *
   * @param turns stays the caller's to close
   */
  void offload(WeightTurns turns) {
    weights = Optional.of(turns);
    runBlocksWith(choosing);
  }

  /**
   * A run of the only transformer begins.
   *
   * @param nextStep number of the step, from 0
   * @param timestep the scheduler's
   * @param nextBranches texts of its batch elements
   */
  public void begin(int nextStep, double timestep, List<DenoisingLoop.Branch> nextBranches) {
    begin(nextStep, timestep, TRANSFORMER, nextBranches);
  }

  /**
   * A run of one of several transformers begins.
   *
   * @param nextStep number of the step, from 0
   * @param timestep the scheduler's
   * @param transformer its name, as its folder is called
   * @param nextBranches texts of its batch elements
   */
  public void begin(
      int nextStep, double timestep, String transformer, List<DenoisingLoop.Branch> nextBranches) {
    step = nextStep;
    branches = nextBranches;
    generation.steps().begin(nextStep);
    weights.ifPresent(turns -> turns.begin(transformer));
    cache.ifPresent(
        one -> {
          // Blocks that are skipped do not call, so calls cannot be counted.
          if (counting == StepCounting.PLUGIN) {
            generation.steps().setStep(nextStep);
          }
          one.begin(nextStep, timestep, transformer, name(nextBranches));
        });
  }

  private static String name(List<DenoisingLoop.Branch> branches) {
    return branches.stream()
        .map(branch -> branch.name().toLowerCase(Locale.ROOT))
        .collect(Collectors.joining("+"));
  }

  /**
   * A run of several transformers begins: how many steps each makes.
   *
   * @param steps by the transformer's name
   */
  public void transformers(Map<String, Integer> steps) {
    cache.ifPresent(one -> one.transformers(steps));
  }

  @Override
  public BlockRunner blocks() {
    return blocks;
  }

  /**
   * An earlier run made the first steps.
   *
   * @param layers blocks of the model
   * @param done steps that it made
   * @param steps of the generation
   * @param guidance how many runs of the model a step is
   */
  public void goOn(int layers, int done, int steps, GuidanceSettings guidance) {
    boolean apart = guidanceRanks().world() > 1;
    generation.steps().goOn(layers, apart ? done : guidance.passes(done, steps));
  }

  /** The ranks that run the branches of guidance, one each; alone where one rank runs both. */
  public Communicator guidanceRanks() {
    return generation.view().place().guidance();
  }

  @Override
  public Attended attend(int layer, VideoGrid grid, Qkv video, Optional<Qkv> text) {
    // Ranks that share something else may have ended long before this one meets them again.
    generation.view().place().all().check();
    generation.shareSequence(grid.tokens());
    Attended out = attention.attend(layer, grid, video, text);
    calls++;
    densities += generation.density();
    if (capture.isPresent() && capture.get().selects(layer, step)) {
      capture(layer, grid, video, text);
    }
    return out;
  }

  /** Writes the whole sequence's tokens; of several ranks that share it, the first one writes. */
  private void capture(int layer, VideoGrid grid, Qkv video, Optional<Qkv> text) {
    Qkv whole =
        shards.inside()
            ? new Qkv(
                shards.gather(video.query(), 1),
                shards.gather(video.key(), 1),
                shards.gather(video.value(), 1))
            : video;
    if (generation.ranks().rank() == 0) {
      for (int element = 0; element < branches.size(); element++) {
        capture(capture.get().file(layer, step, branches.get(element)), grid, whole, text, element);
      }
    }
    if (whole != video) {
      whole.close();
    }
  }

  private void capture(Path file, VideoGrid grid, Qkv video, Optional<Qkv> text, int element) {
    Optional<Qkv> its = text.map(all -> all.element(element));
    try (Qkv mine = video.element(element)) {
      Qkv joint = mine.then(its);
      CaptureFile.write(
          file,
          joint,
          its.map(Qkv::tokens).orElse(0),
          generation
              .patternSettings(grid.frames(), grid.patches().patches())
              .withStep(generation.steps().step()));
      if (its.isPresent()) {
        joint.close();
        its.get().close();
      }
    }
  }

  @Override
  public SequenceShards sequence(SequencePlan plan, int tokens) {
    shards = SequenceShards.of(plan, generation.view().place().sequence(), tokens);
    return shards;
  }

  /** How many ranks share the video's sequence. */
  public int ranks() {
    return generation.ranks().world();
  }

  /** Whether LVSA was asked for, however dense it turns out to be. */
  public boolean isSparse() {
    return sparse;
  }

  /** Logs a line the first time that it comes. */
  public void say(String line) {
    generation.say(line);
  }

  /** What forward passes on another device ran with. */
  private record Elsewhere(String device, String kernels, double millis) {}

  @Override
  public BlockSparseLayout layout(int layers, VideoGrid grid) {
    if (pattern.isPresent() || capture.isPresent() || ranks() > 1) {
      throw new IllegalArgumentException(
          "a transformer on a device attends dense or with LVSA, on one rank and without --capture");
    }
    BlockSparseLayout layout = BlockSparseLayout.dense(grid.frames());
    for (int layer = 0; layer < layers; layer++) {
      if (!sparse) {
        generation.runsDense();
      } else if (processor instanceof LvsaProcessor lvsa) {
        layout = lvsa.layout(generation, layer, grid);
      } else {
        throw new IllegalArgumentException(
            "a transformer on a device needs the model's LVSA hook, which the settings turn off");
      }
      calls++;
      densities += generation.density();
    }
    return layout;
  }

  @Override
  public void ranElsewhere(String device, String kernels, double millis) {
    double before = elsewhere.map(Elsewhere::millis).orElse(0.0);
    elsewhere = Optional.of(new Elsewhere(device, kernels, before + millis));
  }

  /** What ran so far. */
  public AttentionReport report() {
    List<String> fallbacks = new ArrayList<>(passedOver);
    fallbacks.addAll(generation.fallbacks());
    return new AttentionReport(
        elsewhere.map(Elsewhere::device).orElseGet(generation::device),
        elsewhere.map(Elsewhere::kernels).orElseGet(generation::kernel),
        calls,
        calls == 0 ? Double.NaN : densities / calls,
        elsewhere.map(Elsewhere::millis).orElseGet(generation::kernelMillis),
        pattern.map(PatternAttention::report),
        fallbacks);
  }

  @Override
  public void close() {
    generation.close();
  }
}
