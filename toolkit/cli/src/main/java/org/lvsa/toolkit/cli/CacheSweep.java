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
   * @param reps runs of each, of which the median time counts
   * @param decoding of the frames
   * @param onDevice whether the transformer is on a device, where whole blocks are left out alone
   */
  record Plan(
      List<Attention> attentions,
      List<Double> scales,
      List<Cache> caches,
      CacheSweepPreset preset,
      int reps,
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
   * @param plainSeconds that dense attention without a cache took in between, the median
   */
  private record Made(
      VideoRun.Denoised denoised, List<byte[]> frames, double seconds, double plainSeconds) {}

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
    Set<String> done = rows.stream().map(CacheSweepRow::key).collect(Collectors.toSet());
    try (Denoising denoising = setup.pipeline().prepare(setup.settings())) {
      List<Cache> caches = new ArrayList<>(List.of(Cache.NONE));
      caches.addAll(plan.caches(setup.settings().steps(), cache -> measured(denoising, cache)));
      // The run that everything is compared with, after one that warms up.
      make(denoising, How.DENSE, Cache.NONE, 1);
      Made exact = make(denoising, How.DENSE, Cache.NONE, plan.reps());
      out.print(CacheSweepRow.header());
      for (How how : hows()) {
        for (Cache cache : caches) {
          Optional<CacheSweepRow> row = row(denoising, exact, how, cache, done);
          if (row.isPresent()) {
            Files.writeString(csv, row.get().line(), StandardOpenOption.APPEND);
            rows.add(row.get());
            out.print(row.get().line());
            out.flush();
          }
        }
      }
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

  /** Runs a cell; empty if it is done already. */
  private Optional<CacheSweepRow> row(
      Denoising denoising, Made exact, How how, Cache cache, Set<String> done) throws IOException {
    if (!done.add(CacheSweepRow.key(how.words(), cache.backend(), cache.config()))) {
      return Optional.empty();
    }
    boolean reference = how.equals(How.DENSE) && cache.equals(Cache.NONE);
    Made made = reference ? exact : make(denoising, how, cache, plan.reps());
    return Optional.of(measured(how, cache, exact, made));
  }

  private Made make(Denoising denoising, How how, Cache cache, int times) throws IOException {
    double[] seconds = new double[times];
    double[] plain = new double[times];
    VideoRun.Denoised denoised = null;
    List<byte[]> frames = new ArrayList<>();
    try (GenerateProgress progress =
        new GenerateProgress(command.getErr(), how.words() + " " + cache.backend())) {
      VideoRun run = run(how, cache, progress);
      VideoRun compared = run(How.DENSE, Cache.NONE, VideoRun.Listener.NONE);
      for (int rep = 0; rep < times; rep++) {
        // In turn, so that what else the machine does meets both.
        plain[rep] = compared.denoise(denoising, VideoRun.Saving.none(), false).seconds();
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
    return new Made(denoised, frames, Statistics.median(seconds), Statistics.median(plain));
  }

  private VideoRun run(How how, Cache cache, VideoRun.Listener listener) {
    return new VideoRun(
        setup.pipeline(),
        setup.settings(),
        how.of(setup.attention()).withCache(cache.settings()),
        listener);
  }

  private CacheSweepRow measured(How how, Cache cache, Made exact, Made made) {
    Resolution size = setup.settings().size().resolution();
    Optional<CacheSummary> summary = made.denoised().cache();
    return new CacheSweepRow(
        how.attention().name().toLowerCase(Locale.ROOT),
        cache.backend(),
        cache.config(),
        summary.map(CacheSummary::computed).orElse(null),
        summary.map(CacheSummary::cached).orElse(null),
        rounded(made.seconds(), 4),
        rounded(made.plainSeconds() / made.seconds(), 4),
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
    OptionalDouble mean = IntStream.range(0, made.frames().size()).mapToDouble(frame).average();
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
  private Optional<String> measured(Denoising denoising, Cache measuring) throws IOException {
    try {
      return make(denoising, How.DENSE, measuring, 1)
          .denoised()
          .cache()
          .flatMap(CacheSummary::measured)
          .map(CacheSummary.Measured::json);
    } catch (IllegalArgumentException e) {
      command.getErr().println(measuring.backend() + " is left out: " + e.getMessage());
      return Optional.empty();
    }
  }
}
