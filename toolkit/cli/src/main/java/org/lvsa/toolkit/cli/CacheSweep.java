// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.lvsa.toolkit.cache.CacheConfigReader;
import org.lvsa.toolkit.cache.CacheSettings;
import org.lvsa.toolkit.cache.CacheSummary;
import org.lvsa.toolkit.cache.StepMask;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Png;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.VideoRun;
import org.lvsa.toolkit.report.Plot;
import org.lvsa.toolkit.report.PlotPicture;
import org.lvsa.toolkit.vae.Rgb;
import org.lvsa.toolkit.video.FrameMetrics;
import picocli.CommandLine;

/**
 * The same noise denoised with many step caches.
 *
 * @param setup the model and what is asked of it
 * @param attentions with which each cache runs
 * @param given caches; empty for some of each kind
 * @param reps runs of each
 * @param folder takes the results
 * @param command takes log and results
 */
record CacheSweep(
    VideoSetup setup,
    List<Attention> attentions,
    List<Cache> given,
    int reps,
    Path folder,
    CommandLine command) {
  private static final String HEADER =
      "attention,cache,config,computed,cached,seconds,speedup,psnr_db,ssim,rel_l2_latents,density";

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
   * A cache.
   *
   * @param backend its name; {@code none} for no cache
   * @param config its settings
   */
  record Cache(String backend, String config) {
    Optional<CacheSettings> settings() {
      return CacheConfigReader.read(backend, config);
    }
  }

  /**
   * A run.
   *
   * @param denoised what denoising gave
   * @param frames decoded
   * @param seconds that denoising took, the median
   */
  private record Made(VideoRun.Denoised denoised, List<byte[]> frames, double seconds) {}

  /**
   * A row of the results.
   *
   * @param key attention, cache and configuration, as the row begins
   */
  private record Row(Attention attention, String key, double speedup, double psnr, String rest) {
    String line() {
      return key + "," + rest;
    }
  }

  /** Runs what is missing and writes the results. */
  void run(boolean resume) throws Exception {
    PrintWriter out = command.getOut();
    Path csv = folder.resolve("cache.csv");
    List<String> kept = resume && Files.exists(csv) ? Files.readAllLines(csv) : List.of();
    if (!kept.isEmpty() && !kept.getFirst().equals(HEADER)) {
      throw new MalformedFileException(csv + ", line 1: not the heading of a cache sweep");
    }
    Set<String> done = new HashSet<>();
    List<Row> rows = new ArrayList<>();
    for (String line : kept.subList(Math.min(1, kept.size()), kept.size())) {
      Row row = parse(csv, line);
      done.add(row.key());
      rows.add(row);
    }
    if (kept.isEmpty()) {
      Files.writeString(csv, HEADER + "\n");
    }
    try (Denoising denoising = setup.pipeline().prepare(setup.settings())) {
      List<Cache> caches = given.isEmpty() ? defaults(denoising) : given;
      // The run that everything is compared with, after one that warms up.
      Cache none = new Cache("none", "");
      make(denoising, Attention.DENSE, none, 1);
      Made exact = make(denoising, Attention.DENSE, none, reps);
      out.println(HEADER);
      for (Attention attention : attentions) {
        List<Cache> all = new ArrayList<>(List.of(none));
        all.addAll(caches);
        for (Cache cache : all) {
          String key = key(attention, cache);
          if (!done.contains(key)) {
            boolean reference = attention == Attention.DENSE && cache == none;
            Made made = reference ? exact : make(denoising, attention, cache, reps);
            Row row = row(attention, key, exact, made);
            Files.writeString(csv, row.line() + "\n", StandardOpenOption.APPEND);
            rows.add(row);
            out.println(row.line());
            out.flush();
          }
        }
      }
    }
    Path picture = folder.resolve("cache-pareto.png");
    Png.write(PlotPicture.of(plot(rows)), picture);
    out.println("rows: " + csv + ", plot: " + picture);
    out.flush();
  }

  private static String key(Attention attention, Cache cache) {
    return attention.name().toLowerCase(Locale.ROOT)
        + ","
        + cache.backend()
        + ",\""
        + cache.config().replace("\"", "\"\"")
        + "\"";
  }

  private Made make(Denoising denoising, Attention attention, Cache cache, int times)
      throws IOException {
    double[] seconds = new double[times];
    VideoRun.Denoised denoised = null;
    List<byte[]> frames = new ArrayList<>();
    try (GenerateProgress progress =
        new GenerateProgress(
            command.getErr(), attention.name().toLowerCase(Locale.ROOT) + " " + cache.backend())) {
      VideoRun run =
          new VideoRun(
              setup.pipeline(),
              setup.settings(),
              setup.attention().withAttention(attention.setting).withCache(cache.settings()),
              progress);
      for (int rep = 0; rep < times; rep++) {
        denoised = run.denoise(denoising, VideoRun.Saving.none(), false);
        seconds[rep] = denoised.seconds();
      }
      run.decode(
          denoised.latents(), Optional.empty(), Rgb.TRUNCATED, rgb -> frames.add(rgb.clone()));
    }
    Arrays.sort(seconds);
    return new Made(denoised, frames, (seconds[(times - 1) / 2] + seconds[times / 2]) / 2);
  }

  private Row row(Attention attention, String key, Made exact, Made made) {
    double psnr =
        IntStream.range(0, made.frames().size())
            .mapToDouble(i -> FrameMetrics.psnr(exact.frames().get(i), made.frames().get(i)))
            .average()
            .orElseThrow();
    double ssim =
        IntStream.range(0, made.frames().size())
            .mapToDouble(
                i ->
                    FrameMetrics.ssim(
                        setup.settings().size().resolution(),
                        exact.frames().get(i),
                        made.frames().get(i)))
            .average()
            .orElseThrow();
    double speedup = exact.seconds() / made.seconds();
    Optional<CacheSummary> cache = made.denoised().cache();
    String rest =
        String.format(
            Locale.ROOT,
            "%s,%s,%.4f,%.4f,%s,%.6f,%.6g,%.4f",
            cache.map(CacheSummary::computed).map(String::valueOf).orElse(""),
            cache.map(CacheSummary::cached).map(String::valueOf).orElse(""),
            made.seconds(),
            speedup,
            Double.isInfinite(psnr) ? "inf" : String.format(Locale.ROOT, "%.3f", psnr),
            ssim,
            relative(exact.denoised().latents(), made.denoised().latents()),
            made.denoised().report().density());
    return new Row(attention, key, speedup, psnr, rest);
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

  private static Row parse(Path csv, String line) {
    int end = line.lastIndexOf("\",");
    String[] rest = end < 0 ? new String[0] : line.substring(end + 2).split(",", -1);
    try {
      return new Row(
          Attention.valueOf(line.substring(0, line.indexOf(',')).toUpperCase(Locale.ROOT)),
          line.substring(0, end + 1),
          Double.parseDouble(rest[3]),
          rest[4].equals("inf") ? Double.POSITIVE_INFINITY : Double.parseDouble(rest[4]),
          line.substring(end + 2));
    } catch (RuntimeException e) {
      throw new MalformedFileException(csv + ": not a row of a cache sweep: " + line, e);
    }
  }

  /** Some caches of each kind. Those that need it are calibrated on the dense video. */
  private List<Cache> defaults(Denoising denoising) throws IOException {
    int steps = setup.settings().steps();
    int warmup = Math.max(1, Math.min(4, steps / 5));
    List<Cache> caches = new ArrayList<>();
    for (String threshold : List.of("0.08", "0.16", "0.24", "0.4", "0.8")) {
      caches.add(dbCache(threshold, warmup, ""));
    }
    for (int order = 1; order <= 2; order++) {
      for (String threshold : List.of("0.24", "0.8")) {
        caches.add(
            dbCache(
                threshold,
                warmup,
                ", \"enable_taylorseer\": true, \"taylorseer_order\": " + order));
      }
    }
    for (StepMask.Policy policy : StepMask.Policy.values()) {
      if (masked(policy, steps)) {
        caches.add(
            new Cache(
                CacheSettings.DB_CACHE,
                "{\"scm_steps_mask_policy\": \""
                    + policy.name().toLowerCase(Locale.ROOT)
                    + "\", \"scm_steps_policy\": \"static\"}"));
      }
    }
    for (String threshold : List.of("0.1", "0.2", "0.4", "0.8")) {
      caches.add(new Cache(CacheSettings.FIRST_BLOCK, "{\"threshold\": " + threshold + "}"));
    }
    measured(denoising, CacheSettings.TEA_CACHE, "{\"tea_calibrate\": true}")
        .ifPresent(
            json -> {
              for (String threshold : List.of("0.2", "0.5", "1", "2")) {
                caches.add(with(json, CacheSettings.TEA_CACHE, "rel_l1_thresh", threshold));
              }
            });
    measured(denoising, CacheSettings.MAG_CACHE, "{\"mag_calibrate\": true}")
        .ifPresent(
            json -> {
              for (String threshold : List.of("0.06", "0.12", "0.24")) {
                caches.add(with(json, CacheSettings.MAG_CACHE, "threshold", threshold));
              }
            });
    for (int every = 2; every <= 3; every++) {
      caches.add(
          new Cache(
              CacheSettings.PYRAMID,
              "{\"spatial_attention_block_skip_range\": "
                  + every
                  + ", \"cross_attention_block_skip_range\": "
                  + 2 * every
                  + "}"));
    }
    return caches;
  }

  private static boolean masked(StepMask.Policy policy, int steps) {
    try {
      StepMask.of(policy, steps);
      return true;
    } catch (MalformedFileException e) {
      return false;
    }
  }

  private static Cache dbCache(String threshold, int warmup, String more) {
    return new Cache(
        CacheSettings.DB_CACHE,
        "{\"residual_diff_threshold\": "
            + threshold
            + ", \"max_warmup_steps\": "
            + warmup
            + more
            + "}");
  }

  private static Cache with(String json, String backend, String name, String value) {
    return new Cache(backend, json.replaceFirst("}$", ", \"" + name + "\": " + value + "}"));
  }

  /** A measured configuration; empty where there are too few steps to measure one. */
  private Optional<String> measured(Denoising denoising, String backend, String config)
      throws IOException {
    try {
      return make(denoising, Attention.DENSE, new Cache(backend, config), 1)
          .denoised()
          .cache()
          .flatMap(CacheSummary::measured)
          .map(CacheSummary.Measured::json);
    } catch (IllegalArgumentException e) {
      command.getErr().println(backend + " is left out: " + e.getMessage());
      return Optional.empty();
    }
  }

  private Plot plot(List<Row> rows) {
    // Runs that give the very same video have an infinite ratio: they are drawn above all others.
    double top = rows.stream().mapToDouble(Row::psnr).filter(Double::isFinite).max().orElse(50) + 5;
    List<Plot.Series> series = new ArrayList<>();
    for (Attention attention : attentions) {
      series.add(
          new Plot.Series(
              attention.name().toLowerCase(Locale.ROOT),
              attention.ordinal(),
              Plot.Style.POINTS,
              points(rows.stream().filter(row -> row.attention() == attention).toList(), top)));
    }
    series.add(
        new Plot.Series(
            "best",
            attentions.size(),
            Plot.Style.DASHED,
            points(
                rows.stream()
                    .filter(row -> rows.stream().noneMatch(other -> beats(other, row)))
                    .toList(),
                top)));
    return new Plot(
        "cache-pareto",
        "What does a step cache cost in picture for its speed? " + setup.pipeline().className(),
        "",
        Plot.Axis.of("speed-up over dense without a cache", Plot.Scale.LINEAR),
        Plot.Axis.of("PSNR, dB (topmost: equal)", Plot.Scale.LINEAR),
        List.of(new Plot.Panel("", series)));
  }

  private static boolean beats(Row one, Row other) {
    return one.speedup() >= other.speedup()
        && one.psnr() >= other.psnr()
        && (one.speedup() > other.speedup() || one.psnr() > other.psnr());
  }

  private static List<Plot.Point> points(List<Row> rows, double top) {
    return rows.stream()
        .map(row -> Plot.Point.of(row.speedup(), Math.min(top, row.psnr())))
        .sorted(Comparator.comparingDouble(Plot.Point::x))
        .toList();
  }
}
