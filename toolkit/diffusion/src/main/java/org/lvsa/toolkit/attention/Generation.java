// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;
import org.lvsa.toolkit.pattern.RankSlice;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One video being made: its settings, the step it is in, patterns already built, and what was
 * already said. Safe to use from several threads.
 */
public final class Generation implements AutoCloseable {
  private static final Logger LOGGER = LoggerFactory.getLogger("org.lvsa");

  /** Training horizons in latent frames that are known, for the warning about a wrong one. */
  private static final int[][] HORIZONS = {{13, 0}, {21, 1}, {31, 2}, {33, 3}};

  private static final String[] HORIZON_MODELS = {
    "CogVideoX", "Wan 2.1/2.2", "Wan 2.2 TI2V-5B", "HunyuanVideo 1.5"
  };

  private static final long NARROWED_AT_A_TIME = 1 << 16;

  private final LvsaConfig config;
  private final OptionalInt requestedFrames;
  private final Consumer<String> log;
  private final RankView view;
  private final StepTracker steps;
  private final Set<String> said = ConcurrentHashMap.newKeySet();
  private final ConcurrentHashMap<PatternSettings, Pattern> patterns = new ConcurrentHashMap<>();
  private final Map<String, DiffusionAttention> roles = new ConcurrentHashMap<>();
  private final String backend;
  private final AttentionKernel kernel;
  private int maskLogged = -1;
  private int timedStep;
  private long stepStarted;
  private double kernelMillis;
  private double density = Double.NaN;

  /** A generation that logs through SLF4J, logger {@code org.lvsa}. */
  public Generation(LvsaConfig config, OptionalInt latentFrames) {
    this(config, latentFrames, Generation::toLogger);
  }

  private static void toLogger(String line) {
    if (line.startsWith("[LVSA-FALLBACK]") || line.startsWith("[LVSA] Warning")) {
      LOGGER.warn(line);
    } else {
      LOGGER.info(line);
    }
  }

  /**
   * @param config settings
   * @param latentFrames of the request; {@code LVSA_TOTAL_LATENT_FRAMES} goes before it
   * @param log takes the published lines
   */
  public Generation(LvsaConfig config, OptionalInt latentFrames, Consumer<String> log) {
    this(config, latentFrames, log, RankView.alone());
  }

  /**
   * One rank's view of a generation that several make together: each has its own, and they run the
   * same steps.
   *
   * @param config settings
   * @param latentFrames of the request; {@code LVSA_TOTAL_LATENT_FRAMES} goes before it
   * @param log takes the published lines; on ranks after the first, best one that drops them
   * @param view this rank's place
   */
  public Generation(
      LvsaConfig config, OptionalInt latentFrames, Consumer<String> log, RankView view) {
    this(config, latentFrames, log, view, KernelOptions.DEFAULT);
  }

  /**
   * One rank's view, on a device and with a kernel that the caller chose.
   *
   * @param config settings
   * @param latentFrames of the request; {@code LVSA_TOTAL_LATENT_FRAMES} goes before it
   * @param log takes the published lines
   * @param view this rank's place
   * @param options the device and the kernel to take
   * @throws IllegalArgumentException if the backend does not have that device or kernel
   */
  public Generation(
      LvsaConfig config,
      OptionalInt latentFrames,
      Consumer<String> log,
      RankView view,
      KernelOptions options) {
    this.config = config;
    this.log = log;
    this.view = view;
    OptionalInt configured = config.optionalNumber(Setting.LVSA_TOTAL_LATENT_FRAMES);
    requestedFrames = configured.isPresent() ? configured : latentFrames;
    steps =
        new StepTracker(
            config.optionalNumber(Setting.LVSA_N_BLOCKS),
            config.number(Setting.LVSA_CFG_PASSES),
            this::say);
    AttentionBackend chosen = Backends.named(backend(config), this::say);
    backend = chosen.name();
    kernel = chosen.open(options);
  }

  private static String backend(LvsaConfig config) {
    String name = config.value(Setting.LVSA_BACKEND).text();
    return switch (name) {
      case "sdpa" -> "nd4j";
      case "flashinfer" -> "auto"; // whatever is fastest here reads the same CSR layout
      default -> name;
    };
  }

  /** Its settings. */
  public LvsaConfig config() {
    return config;
  }

  /** The attention of a role, looked up once. What is not self-attention is dense by design. */
  DiffusionAttention attention(String role) {
    return roles.computeIfAbsent(
        role,
        r -> {
          DiffusionAttention found = DiffusionAttention.named(config.attention(r), r);
          boolean ours = found instanceof LvsaAttention || found instanceof SdpaAttention;
          return ours && !r.equals("self") ? new SdpaAttention(true) : found;
        });
  }

  /** Latent frames, if anybody said. */
  public OptionalInt latentFrames() {
    return requestedFrames;
  }

  /** This rank's place among those that make the same video. */
  public RankView view() {
    return view;
  }

  /** This rank and the others. */
  public Communicator ranks() {
    return view.ranks();
  }

  /** Its steps. */
  public StepTracker steps() {
    return steps;
  }

  /**
   * Runs the generation's kernel; a kernel keeps buffers between calls, so one call at a time.
   *
   * @throws UnavailableException with the reason, if it cannot run the problem here
   */
  synchronized void run(AttentionProblem problem, AttentionOutput output) {
    DType dtype = config.dtype();
    kernel
        .unsupported(problem.shape(), dtype)
        .ifPresent(
            reason -> {
              throw new UnavailableException(
                  "backend " + backend + " cannot run this attention here: " + reason);
            });
    try (Arena arena = Arena.ofShared()) {
      AttentionProblem given = dtype == DType.F32 ? problem : narrowed(problem, dtype, arena);
      kernelMillis += kernel.run(given, output).kernelMillis();
    }
  }

  private static AttentionProblem narrowed(AttentionProblem problem, DType dtype, Arena arena) {
    return new AttentionProblem(
        new AttentionInputs(
            problem.shape(),
            dtype,
            narrowed(problem.query(), dtype, arena),
            narrowed(problem.key(), dtype, arena),
            narrowed(problem.value(), dtype, arena)),
        problem.layout());
  }

  private static MemorySegment narrowed(MemorySegment floats, DType dtype, Arena arena) {
    long elements = floats.byteSize() / Float.BYTES;
    MemorySegment narrow = arena.allocate(elements * dtype.bytes(), 64);
    LongStream.range(0, Math.ceilDiv(elements, NARROWED_AT_A_TIME))
        .parallel()
        .forEach(
            part -> {
              long end = Math.min(elements, (part + 1) * NARROWED_AT_A_TIME);
              for (long i = part * NARROWED_AT_A_TIME; i < end; i++) {
                dtype.set(narrow, i, DType.F32.get(floats, i));
              }
            });
    return narrow;
  }

  /**
   * For attention that has to see whole sequences.
   *
   * @throws IllegalStateException over several ranks, where a sequence is a shard
   */
  void wholeSequence() {
    if (view.world() > 1) {
      throw new IllegalStateException(
          "self-attention over "
              + view.world()
              + " ranks needs a block's AttentionProcessor: the sequence here is one rank's shard");
    }
  }

  /** Notes what a self-attention is about to run with. */
  synchronized void runs(double newDensity) {
    density = newDensity;
  }

  /** The density that the last self-attention really ran with: 1 where it was dense. */
  public synchronized double density() {
    return density;
  }

  /** Milliseconds that the kernel has taken so far, copies and everything around it not counted. */
  public synchronized double kernelMillis() {
    return kernelMillis;
  }

  /** Logs a line, the first time that it comes. */
  public void say(String line) {
    if (said.add(line)) {
      log.accept(line);
    }
  }

  /**
   * Something is about to run dense. Says so once for each origin, reason and length.
   *
   * @throws IllegalStateException under {@code LVSA_STRICT}
   */
  void fallback(String origin, String reason, int sequence, String hint) {
    String what = "origin=" + origin + " reason=" + reason + " seq_len=" + sequence + " " + hint;
    if (config.on(Setting.LVSA_STRICT)) {
      throw new IllegalStateException("LVSA_STRICT=1 and LVSA cannot run: " + what);
    }
    if (config.on(Setting.LVSA_WARN_FALLBACK)
        && said.add("fallback " + origin + " " + reason + " " + sequence)) {
      log.accept(
          "[LVSA-FALLBACK] "
              + what
              + " -- falling back to DENSE attention (set LVSA_WARN_FALLBACK=0 to silence)");
    }
  }

  /** The pattern of a step; built once for each offset that rotation gives. */
  Pattern pattern(SequenceGeometry geometry, int step) {
    boolean rotate = config.on(Setting.LVSA_ROTATE_KEYFRAMES);
    PatternSettings base =
        PatternSettings.of(
                geometry.latentFrames(),
                geometry.patchesPerFrame(),
                config.latentWindow(),
                config.latentFirstFrames(),
                config.number(Setting.LVSA_REFERENCE_LATENT_FRAMES),
                config.sparsityScale())
            .withKeyFrameInterval(config.latentKeyFrameInterval())
            .withRotateKeyframes(rotate)
            .withExpandWindow(config.on(Setting.LVSA_EXPAND_WINDOW))
            .shrunkToHorizon();
    Pattern still = patterns.computeIfAbsent(base, this::build);
    announce(geometry, still);
    int offset = rotate ? step % still.keyFrameInterval() : 0;
    return offset == 0 ? still : patterns.computeIfAbsent(base.rotatedTo(offset), this::build);
  }

  private Pattern build(PatternSettings settings) {
    return Pattern.build(settings, new RankSlice(0, view.boundaries()));
  }

  private void announce(SequenceGeometry geometry, Pattern pattern) {
    int frames = geometry.latentFrames();
    int reference = config.number(Setting.LVSA_REFERENCE_LATENT_FRAMES);
    say(
        "[LVSA] Geometry detected: T_lat=%d P=%d text=%d video_seq=%d total=%d"
            .formatted(
                frames,
                geometry.patchesPerFrame(),
                geometry.textTokens(),
                frames * geometry.patchesPerFrame(),
                geometry.tokens()));
    say(
        String.format(
            Locale.ROOT,
            "[LVSA] reference_latent_frames=%d target_latent_frames=%d extension_ratio=%.2fx",
            reference,
            frames,
            frames / (double) reference));
    say(
        String.format(
            Locale.ROOT,
            "[LVSA] window=%d kfi=%d |G|=%d attended_per_frame=%d of %d -> %s backend=%s dtype=%s (%s)",
            pattern.settings().window(),
            pattern.keyFrameInterval(),
            pattern.globalFrames().size(),
            pattern.attendedBy(frames / 2),
            frames,
            pattern.density() < 1 ? "SPARSE" : "DENSE",
            backend,
            config.dtype().name().toLowerCase(Locale.ROOT),
            kernel.device()));
    for (int[] horizon : HORIZONS) {
      if (frames == horizon[0] && reference != frames) {
        say(
            "[LVSA] Warning: T_lat=%d is the training horizon of %s, and"
                    .formatted(frames, HORIZON_MODELS[horizon[1]])
                + " LVSA_REFERENCE_LATENT_FRAMES is "
                + reference
                + ": is it the right model's?");
      }
    }
  }

  /** The per-step lines: memory, time and mask, as the settings ask for them. */
  synchronized void logStep(int step, SequenceGeometry geometry, Pattern pattern) {
    runs(pattern.density());
    boolean begins = step != timedStep;
    if (begins && config.on(Setting.LVSA_MEM_LOG)) {
      log.accept("[LVSA-MEM] step=" + step + " " + ProcessMemory.now());
    }
    long now = System.nanoTime();
    if (begins || stepStarted == 0) {
      if (begins && stepStarted != 0 && config.on(Setting.LVSA_STEP_TIME_LOG)) {
        log.accept(
            String.format(
                Locale.ROOT, "[LVSA-TIME] step=%d dt=%.3fs", timedStep, (now - stepStarted) / 1e9));
      }
      stepStarted = now;
    }
    timedStep = step;
    if (step != maskLogged && config.maskLog().selects(step, maskLogged >= 0)) {
      maskLogged = step;
      log.accept(
          "[LVSA-MASK] step=%d  T_lat=%d  W=%d  |G|=%d  kfi=%d globals=%s"
              .formatted(
                  step,
                  geometry.latentFrames(),
                  pattern.settings().window(),
                  pattern.globalFrames().size(),
                  pattern.keyFrameInterval(),
                  pattern.globalFrames()));
      pattern.mask().forEach(log);
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
