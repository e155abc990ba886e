// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.blockpattern.BatchLayout;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;
import org.slf4j.event.Level;

/**
 * One video being made, as self-attention sees it: the settings, the denoising step, the patterns
 * and the kernel. Where several ranks make the video together, each rank has a generation of its
 * own and all run the same steps. May be used by several threads.
 */
public final class Generation implements AutoCloseable {
  private final GenerationOptions options;
  private final OptionalInt latentFrames;
  private final GenerationLog log;
  private final PublishedLines lines;
  private final PatternCache patterns;
  private final StepTracker steps;
  private final KernelRunner kernel;
  private final Map<String, DiffusionAttention> roles = new ConcurrentHashMap<>();
  private final List<String> fallbacks = new CopyOnWriteArrayList<>();
  private volatile int sharedTokens;
  private double density = Double.NaN;

  /**
   * A generation that logs through SLF4J, logger {@code org.lvsa}.
   *
   * @throws UnavailableException if the backend cannot run here
   */
  public Generation(GenerationOptions options) {
    this(options, LineLog.logger());
  }

  /**
   * A generation whose lines go elsewhere.
   *
   * @param log takes the published lines; on ranks after the first, best {@link LineLog#none}
   * @throws IllegalArgumentException if there is no such backend, device or kernel
   * @throws UnavailableException if the backend cannot run here
   */
  public Generation(GenerationOptions options, LineLog log) {
    this.options = options;
    this.log = new GenerationLog(log);
    LvsaConfig config = options.config();
    OptionalInt configured = config.optionalNumber(Setting.LVSA_TOTAL_LATENT_FRAMES);
    latentFrames = configured.isPresent() ? configured : options.latentFrames();
    lines = new PublishedLines(config, this.log);
    patterns = new PatternCache(config, options.counting(), options.view().boundaries());
    steps =
        new StepTracker(
            options.counting(),
            config.optionalNumber(Setting.LVSA_N_BLOCKS),
            config.number(Setting.LVSA_CFG_PASSES),
            this::say);
    KernelOptions kernels =
        view().device().map(options.kernel()::onDevice).orElse(options.kernel());
    kernel =
        new KernelRunner(
            config.value(Setting.LVSA_BACKEND).text(), config.dtype(), kernels, this::say);
  }

  /**
   * The backend that a generation with these settings runs on.
   *
   * @param log told about backends that {@code auto} passes over
   * @throws UnavailableException if it cannot run here
   */
  public static AttentionBackend backend(LvsaConfig config, Consumer<String> log) {
    return KernelRunner.backend(config.value(Setting.LVSA_BACKEND).text(), log);
  }

  /** The settings. */
  public LvsaConfig config() {
    return options.config();
  }

  /** Latent frames of the video, if the settings or the caller said how many. */
  public OptionalInt latentFrames() {
    return latentFrames;
  }

  /** This rank's place among those that make the same video. */
  public RankView view() {
    return options.view();
  }

  /** This rank and its way to the others. */
  public Communicator ranks() {
    return view().ranks();
  }

  /**
   * Tells how many video tokens the ranks that share the sequence have together, where the last
   * ranks' hold padding behind them.
   */
  public void shareSequence(int tokens) {
    sharedTokens = tokens;
  }

  /** Tokens of the whole video, of which this rank has a part. */
  int videoTokens(Qkv mine) {
    int atMost = Math.multiplyExact(mine.tokens(), ranks().world());
    return sharedTokens > 0 && Math.ceilDiv(sharedTokens, ranks().world()) == mine.tokens()
        ? sharedTokens
        : atMost;
  }

  /** The denoising steps. */
  public StepTracker steps() {
    return steps;
  }

  /** The density that the last self-attention really ran with: 1 where it was dense. */
  public synchronized double density() {
    return density;
  }

  /** Milliseconds that the kernel has taken so far; copies around it are not counted. */
  public double kernelMillis() {
    return kernel.millis();
  }

  /** The device that self-attention runs on. */
  public String device() {
    return kernel.device();
  }

  /** The kernel that ran last, as the backend names it; {@code none} before the first run. */
  public String kernel() {
    return kernel.lastKernel();
  }

  /** What ran dense in place of sparse so far, and why: one line per origin, reason and length. */
  public List<String> fallbacks() {
    return List.copyOf(fallbacks);
  }

  /**
   * The settings that the pattern of a video is built from, at step 0.
   *
   * @param frames latent frames
   * @param patches patches per latent frame
   */
  public PatternSettings patternSettings(int frames, int patches) {
    return patterns.settings(new SequenceGeometry(frames, patches, 0));
  }

  /** Logs a line the first time that it comes. */
  public void say(String line) {
    log.once(Level.INFO, line);
  }

  /** Logs a warning the first time that it comes. */
  public void warn(String line) {
    log.once(Level.WARN, line);
  }

  /** The attention of a role, looked up once. What is not self-attention is dense by design. */
  DiffusionAttention attention(String role) {
    return roles.computeIfAbsent(
        role,
        r -> {
          DiffusionAttention found = DiffusionAttention.named(config().attention(r), r);
          boolean ours = found instanceof LvsaAttention || found instanceof SdpaAttention;
          return ours && !r.equals("self") ? new SdpaAttention(true) : found;
        });
  }

  /** Runs the generation's kernel on a float32 problem. */
  void run(AttentionProblem problem, AttentionOutput output) {
    kernel.run(problem, output);
  }

  /**
   * Runs the generation's kernel on float32 inputs with what a pattern of the laboratory chose, and
   * notes the density.
   *
   * @return the density of what the kernel computed
   */
  double run(AttentionInputs inputs, BatchLayout layout, AttentionOutput output) {
    double computed = kernel.run(inputs, layout, output);
    note(computed);
    return computed;
  }

  /** The pattern of a step; what was detected is logged the first time. */
  Pattern pattern(SequenceGeometry geometry, int step) {
    lines.announce(geometry, patterns.first(geometry), kernel);
    return patterns.at(geometry, step);
  }

  /** A sparse self-attention is about to run: notes its density and logs the step's lines. */
  void runs(int step, SequenceGeometry geometry, Pattern pattern) {
    note(pattern.density());
    lines.step(step, geometry, pattern);
  }

  /** A dense self-attention is about to run. */
  public void runsDense() {
    note(1);
  }

  private synchronized void note(double newDensity) {
    density = newDensity;
  }

  /**
   * For attention that has to see whole sequences.
   *
   * @throws IllegalStateException over several ranks, where a sequence is one rank's shard
   */
  void wholeSequence() {
    if (view().world() > 1) {
      throw new IllegalStateException(
          "self-attention over "
              + view().world()
              + " ranks needs a block's AttentionProcessor: the sequence here is one rank's shard");
    }
  }

  /**
   * Something that was to be sparse is about to run dense. It is logged once per origin, reason and
   * sequence length.
   *
   * @throws IllegalStateException under {@code LVSA_STRICT}
   */
  void fallback(String origin, String reason, int sequence, String hint) {
    String what = "origin=" + origin + " reason=" + reason + " seq_len=" + sequence + " " + hint;
    if (config().on(Setting.LVSA_STRICT)) {
      throw new IllegalStateException("LVSA_STRICT=1 and LVSA cannot run: " + what);
    }
    if (log.isNew("fell back " + origin + " " + reason + " " + sequence)) {
      fallbacks.add(what);
    }
    if (config().on(Setting.LVSA_WARN_FALLBACK)) {
      log.onceAbout(
          "fallback " + origin + " " + reason + " " + sequence,
          Level.WARN,
          "[LVSA-FALLBACK] "
              + what
              + " -- falling back to DENSE attention (set LVSA_WARN_FALLBACK=0 to silence)");
    }
  }

  /** Patterns built so far. */
  int patternsBuilt() {
    return patterns.size();
  }

  @Override
  public void close() {
    kernel.close();
  }
}
