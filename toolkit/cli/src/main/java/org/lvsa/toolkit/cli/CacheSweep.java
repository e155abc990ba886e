// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.IntToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.cache.CacheSummary;
import org.lvsa.toolkit.cache.StepCache;
import org.lvsa.toolkit.cli.CacheSweepPreset.Cache;
import org.lvsa.toolkit.io.Png;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.VideoRun;
import org.lvsa.toolkit.report.Fonts;
import org.lvsa.toolkit.report.PlotPicture;
import org.lvsa.toolkit.sweep.Environment;
import org.lvsa.toolkit.sweep.Statistics;
import org.lvsa.toolkit.vae.Rgb;
import org.lvsa.toolkit.vae.Tiling;
import org.lvsa.toolkit.video.FrameMetrics;
import picocli.CommandLine;

/**
 * The same noise denoised with many step caches.
 *
 * @param setup the model and what is asked of it
 * @param plan what is run
 * @param folder takes the results
 * @param command takes log and results
 */
record CacheSweep(VideoSetup setup, Plan plan, Path folder, CommandLine command) {
  /** After this, a step that warms up is the last one. */
  private static final long WARM_UP_NANOS = 5_000_000_000L;

  /** Which self-attention. */
  enum Attention {
    DENSE("SDPA"),
    LVSA("LVSA");

    private final String setting;

    Attention(String setting) {
      this.setting = setting;
    }
  }

  /**
   * What is run.
   *
   * @param attentions with which each cache runs
   * @param scales of sparse attention; empty for the one that the settings have
   * @param caches beside the runs without one; empty for those of the preset
   * @param timing how often, and until when
   * @param decoding of the frames
   * @param onDevice whether the transformer is on a device, where whole blocks are left out alone
   */
  record Plan(
      List<Attention> attentions,
      List<Double> scales,
      List<Cache> caches,
      CacheSweepPreset preset,
      Timing timing,
      Decoding decoding,
      boolean onDevice) {
    /** The caches, of those that need it the ones that {@code measures} could calibrate. */
    List<Cache> caches(int steps, CacheSweepPreset.Measures measures) throws Exception {
      List<Cache> all = caches.isEmpty() ? preset.caches(steps, measures) : caches;
      // A broadcast needs much of a device's memory: there it runs where it is asked for by name.
      return all.stream()
          .filter(
              cache ->
                  !onDevice
                      || !caches.isEmpty()
                      || cache.settings().map(StepCache::skipsBlocks).orElse(true))
          .toList();
    }

    /** Attentions of which a device keeps outputs. */
    Set<BlockRunner.Attention> outputs() {
      return caches.stream()
          .flatMap(cache -> cache.settings().stream())
          .flatMap(settings -> StepCache.keepsOutputs(settings).stream())
          .collect(Collectors.toSet());
    }

    /** Copies of the stream of tokens that a device needs room for. */
    int keeps(int steps) throws Exception {
      // Those that are calibrated keep no more than the others.
      return caches(steps, measuring -> Optional.empty()).stream()
          .mapToInt(cache -> cache.settings().map(StepCache::keeps).orElse(0))
          .max()
          .orElse(0);
    }
  }

  /** Dense runs without a cache that the others' times are compared with. */
  enum DenseRuns {
    /** One beside each. */
    EACH,
    /** Those at the beginning. */
    ONCE
  }

  /**
   * How often runs are made, and until when.
   *
   * @param reps runs of each, of which the median time counts
   * @param dense runs that they are compared with
   * @param begun when the command began, by {@link System#nanoTime}
   * @param minutes after that which are not to be exceeded
   */
  record Timing(int reps, DenseRuns dense, long begun, OptionalDouble minutes) {
    /** Whether something that takes as long as this may still begin. */
    boolean allows(double seconds) {
      double spent = (System.nanoTime() - begun) / 1e9;
      return minutes.isEmpty() || spent + seconds <= 60 * minutes.getAsDouble();
    }
  }

  /**
   * How frames are decoded.
   *
   * @param compares whether they are decoded and compared at all
   * @param tiling how they are cut into tiles; empty to decode them whole
   */
  record Decoding(boolean compares, Optional<Tiling> tiling) {}

  /** An attention, and the scale of a sparse one. */
  private record How(Attention attention, OptionalDouble scale) {
    static final How DENSE = new How(Attention.DENSE, OptionalDouble.empty());

    GenerationAttention.Settings of(GenerationAttention.Settings settings) {
      GenerationAttention.Settings its = settings.withAttention(attention.setting);
      return scale.isPresent() ? its.withSparsityScale(scale.getAsDouble()) : its;
    }

    String words() {
      return attention.name().toLowerCase(Locale.ROOT)
          + (scale.isPresent() ? " " + scale.getAsDouble() : "");
    }
  }

  /**
   * A run.
   *
   * @param frames decoded; empty if they are not
   * @param seconds that denoising took, the median
   * @param plainSeconds that dense attention without a cache took in between, the median; empty if
   *     it was not run
   */
  private record Made(
      VideoRun.Denoised denoised,
      List<byte[]> frames,
      double seconds,
      OptionalDouble plainSeconds) {}

  /** A run of the sweep. */
  private record Cell(How how, Cache cache) {
    /** What the others are compared with. */
    static final Cell EXACT = new Cell(How.DENSE, Cache.NONE);

    String key() {
      return CacheSweepRow.key(how.words(), cache.backend(), cache.config());
    }
  }

  /** Takes a row as soon as it is there. */
  private interface Rows {
    void add(CacheSweepRow row) throws IOException;
  }

  /** Runs what is missing and writes the results. */
  void run(boolean resume) throws Exception {
    PrintWriter out = command.getOut();
    Path csv = folder.resolve("cache.csv");
    List<CacheSweepRow> rows = new ArrayList<>();
    if (resume && Files.exists(csv)) {
      rows.addAll(CacheSweepRow.read(csv));
    } else {
      Files.writeString(csv, CacheSweepRow.header());
    }
    Environment.write(folder.resolve("environment.json"), command.getParseResult().originalArgs());
    int left;
    try (Denoising denoising = setup.pipeline().prepare(setup.settings())) {
      List<Cell> missing =
          missing(denoising, rows.stream().map(CacheSweepRow::key).collect(Collectors.toSet()));
      out.print(missing.isEmpty() ? "" : CacheSweepRow.header());
      left =
          make(
              denoising,
              missing,
              row -> {
                Files.writeString(csv, row.line(), StandardOpenOption.APPEND);
                rows.add(row);
                out.print(row.line());
                out.flush();
              });
    }
    if (left > 0) {
      command.getErr().println(left + " runs are left out for --max-minutes: --resume makes them");
    }
    String plotted = "";
    if (Fonts.found("pictures of plots", command.getErr()::println)) {
      Path picture = folder.resolve("cache-pareto.png");
      Png.write(PlotPicture.of(CacheSweepPlot.of(rows, setup.pipeline().className())), picture);
      plotted = ", plot: " + picture;
    }
    out.println("rows: " + csv + plotted);
    out.flush();
  }

  /** What is to be made, with caches that are calibrated first where that is needed. */
  private List<Cell> missing(Denoising denoising, Set<String> done) throws Exception {
    List<Cache> caches = new ArrayList<>(List.of(Cache.NONE));
    caches.addAll(plan.caches(setup.settings().steps(), cache -> calibrated(denoising, cache)));
    return hows().stream()
        .flatMap(how -> caches.stream().map(cache -> new Cell(how, cache)))
        .filter(cell -> done.add(cell.key()))
        .toList();
  }

  /**
   * Makes the runs, after the one that they are compared with.
   *
   * @return how many are left out
   */
  private int make(Denoising denoising, List<Cell> cells, Rows rows) throws IOException {
    if (cells.isEmpty()) {
      return 0;
    }
    long begun = System.nanoTime();
    warmUp(denoising, How.DENSE);
    Made exact = make(denoising, Cell.EXACT);
    double longest = (System.nanoTime() - begun) / 1e9;
    How warm = How.DENSE;
    for (int i = 0; i < cells.size(); i++) {
      Cell cell = cells.get(i);
      if (!cell.equals(Cell.EXACT) && !plan.timing().allows(longest)) {
        return cells.size() - i;
      }
      begun = System.nanoTime();
      if (!cell.how().equals(warm)) {
        warm = cell.how();
        warmUp(denoising, warm);
      }
      rows.add(measured(cell, exact, cell.equals(Cell.EXACT) ? exact : make(denoising, cell)));
      longest = Math.max(longest, (System.nanoTime() - begun) / 1e9);
    }
    return 0;
  }

  /** Takes some steps that do not count: the first ones compile. */
  private void warmUp(Denoising denoising, How how) {
    long begun = System.nanoTime();
    command.getErr().println(how.words() + ": warming up");
    VideoRun.Listener until =
        new VideoRun.Listener() {
          @Override
          public void stepDone(int step) {
            if (System.nanoTime() - begun > WARM_UP_NANOS) {
              throw new WarmException();
            }
          }
        };
    try {
      run(new Cell(how, Cache.NONE), until).denoise(denoising, VideoRun.Saving.none(), false);
    } catch (WarmException _) {
      // It was for nothing else.
    }
  }

  /** Ends a run that was to warm up. */
  private static final class WarmException extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  private List<How> hows() {
    List<How> hows = new ArrayList<>();
    for (Attention attention : plan.attentions()) {
      if (attention == Attention.DENSE) {
        hows.add(How.DENSE);
      } else if (plan.scales().isEmpty()) {
        hows.add(new How(attention, OptionalDouble.of(setup.attention().config().sparsityScale())));
      } else {
        plan.scales().forEach(scale -> hows.add(new How(attention, OptionalDouble.of(scale))));
      }
    }
    return hows;
  }

  private Made make(Denoising denoising, Cell cell) throws IOException {
    int reps = plan.timing().reps();
    boolean inTurn = plan.timing().dense() == DenseRuns.EACH;
    double[] seconds = new double[reps];
    double[] plain = new double[reps];
    VideoRun.Denoised denoised = null;
    List<byte[]> frames = new ArrayList<>();
    try (GenerateProgress progress = progress(cell)) {
      VideoRun run = run(cell, progress);
      VideoRun compared = run(Cell.EXACT, VideoRun.Listener.NONE);
      for (int rep = 0; rep < reps; rep++) {
        if (inTurn) {
          // So that what else the machine does meets both.
          plain[rep] = compared.denoise(denoising, VideoRun.Saving.none(), false).seconds();
        }
        denoised = run.denoise(denoising, VideoRun.Saving.none(), false);
        seconds[rep] = denoised.seconds();
      }
      if (plan.decoding().compares()) {
        run.decode(
            denoised.latents(),
            plan.decoding().tiling(),
            Rgb.TRUNCATED,
            rgb -> frames.add(rgb.clone()));
      }
    }
    return new Made(
        denoised,
        frames,
        Statistics.median(seconds),
        inTurn ? OptionalDouble.of(Statistics.median(plain)) : OptionalDouble.empty());
  }

  private GenerateProgress progress(Cell cell) {
    return new GenerateProgress(
        command.getErr(), cell.how().words() + " " + cell.cache().backend());
  }

  private VideoRun run(Cell cell, VideoRun.Listener listener) {
    return new VideoRun(
        setup.pipeline(),
        setup.settings(),
        cell.how().of(setup.attention()).withCache(cell.cache().settings()),
        listener);
  }

  private CacheSweepRow measured(Cell cell, Made exact, Made made) {
    How how = cell.how();
    Cache cache = cell.cache();
    Resolution size = setup.settings().size().resolution();
    Optional<CacheSummary> summary = made.denoised().cache();
    return new CacheSweepRow(
        how.attention().name().toLowerCase(Locale.ROOT),
        cache.backend(),
        cache.config(),
        summary.map(CacheSummary::computed).orElse(null),
        summary.map(CacheSummary::cached).orElse(null),
        rounded(made.seconds(), 4),
        rounded(made.plainSeconds().orElse(exact.seconds()) / made.seconds(), 4),
        mean(made, 3, i -> FrameMetrics.psnr(exact.frames().get(i), made.frames().get(i))),
        mean(made, 6, i -> FrameMetrics.ssim(size, exact.frames().get(i), made.frames().get(i))),
        rounded(relative(exact.denoised().latents(), made.denoised().latents()), 8),
        rounded(made.denoised().report().density(), 4),
        how.scale().isPresent() ? how.scale().getAsDouble() : null,
        summary.map(CacheSummary::steps).map(CacheSweep::words).orElse(""));
  }

  private static String words(Map<String, String> steps) {
    return steps.entrySet().stream()
        .map(list -> list.getKey() + " " + list.getValue())
        .collect(Collectors.joining("; "));
  }

  private static Double mean(Made made, int digits, IntToDoubleFunction frame) {
    // Each frame takes a tenth of a second at 832x480: all cores compare, and the sum keeps its
    // order.
    double[] all = IntStream.range(0, made.frames().size()).parallel().mapToDouble(frame).toArray();
    OptionalDouble mean = DoubleStream.of(all).average();
    return mean.isPresent() ? rounded(mean.getAsDouble(), digits) : null;
  }

  private static double rounded(double value, int digits) {
    double scale = Math.pow(10, digits);
    return Double.isInfinite(value) ? value : Math.round(value * scale) / scale;
  }

  private static double relative(float[] exact, float[] other) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < exact.length; i++) {
      difference += Math.pow((double) exact[i] - other[i], 2);
      size += (double) exact[i] * exact[i];
    }
    return Math.sqrt(difference / size);
  }

  /** A measured configuration; empty where there are too few steps to measure one. */
  private Optional<String> calibrated(Denoising denoising, Cache measuring) {
    Cell cell = new Cell(How.DENSE, measuring);
    try (GenerateProgress progress = progress(cell)) {
      return run(cell, progress)
          .denoise(denoising, VideoRun.Saving.none(), false)
          .cache()
          .flatMap(CacheSummary::measured)
          .map(CacheSummary.Measured::json);
    } catch (IllegalArgumentException e) {
      command.getErr().println(measuring.backend() + " is left out: " + e.getMessage());
      return Optional.empty();
    }
  }
}
