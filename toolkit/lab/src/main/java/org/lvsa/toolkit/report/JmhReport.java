// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.report.Plot.Axis;
import org.lvsa.toolkit.report.Plot.Panel;
import org.lvsa.toolkit.report.Plot.Point;
import org.lvsa.toolkit.report.Plot.Scale;
import org.lvsa.toolkit.report.Plot.Series;
import org.lvsa.toolkit.report.Plot.Style;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

/**
 * The report of a JMH result: every score, and dense/sparse pairs as speed-ups with their interval.
 * {@code NAME.html} and {@code NAME-speedup.png} beside {@code NAME.json}.
 */
public final class JmhReport {
  private static final String SCALE = "sparsityScale";

  private JmhReport() {}

  /**
   * A sparse run over the dense run of the same parameters.
   *
   * @param parameters without the sparsity scale
   * @param sparsityScale of the sparse run
   * @param speedup mean dense time over mean sparse time
   * @param low lower end of the 99.9 % confidence interval; NaN if a run has no error
   * @param high upper end of it; NaN if a run has no error
   */
  public record Speedup(
      Map<String, String> parameters,
      double sparsityScale,
      double speedup,
      double low,
      double high) {

    /**
     * The ratio of two means with its interval, which is symmetric in the ratio's logarithm: the
     * relative errors of both means, added in squares (the delta method), are the error of the
     * logarithm. Unlike an interval of the ratio itself it never reaches 0, and it is the same
     * whichever of the two runs stands above the line.
     */
    static Speedup of(
        Map<String, String> parameters, double sparsityScale, JmhResult sparse, JmhResult dense) {
      double ratio = sparse.score() / dense.score();
      double speedup = sparse.throughput() ? ratio : 1 / ratio;
      double factor =
          Math.exp(Math.hypot(sparse.error() / sparse.score(), dense.error() / dense.score()));
      return new Speedup(parameters, sparsityScale, speedup, speedup / factor, speedup * factor);
    }
  }

  /** Pairs every sparse result with its dense one; a sparse one without is left out. */
  public static List<Speedup> speedups(List<JmhResult> results) {
    List<Speedup> pairs = new ArrayList<>();
    for (JmhResult sparse : results) {
      if (!sparse.benchmark().endsWith(".sparse") || !sparse.parameters().containsKey(SCALE)) {
        continue;
      }
      Map<String, String> others = new TreeMap<>(sparse.parameters());
      double scale = Double.parseDouble(others.remove(SCALE));
      String dense = sparse.benchmark().replaceFirst("sparse$", "dense");
      results.stream()
          .filter(r -> r.benchmark().equals(dense) && r.parameters().equals(others))
          .findFirst()
          .ifPresent(partner -> pairs.add(Speedup.of(others, scale, sparse, partner)));
    }
    return pairs;
  }

  /** Every score. */
  public static Table scores(List<JmhResult> results) {
    return Table.create(
        "Scores",
        column("benchmark", results.stream().map(JmhResult::benchmark).toList()),
        column("parameters", results.stream().map(r -> text(r.parameters())).toList()),
        column("score", results.stream().map(r -> number(r.score())).toList()),
        column("error", results.stream().map(r -> number(r.error())).toList()),
        column("unit", results.stream().map(JmhResult::unit).toList()));
  }

  /** Every pair. */
  public static Table table(List<Speedup> pairs) {
    return Table.create(
        "Dense over sparse",
        column("case", pairs.stream().map(p -> text(p.parameters())).toList()),
        column("scale", pairs.stream().map(p -> Double.toString(p.sparsityScale())).toList()),
        column("speedup", pairs.stream().map(p -> number(p.speedup())).toList()),
        column("low", pairs.stream().map(p -> number(p.low())).toList()),
        column("high", pairs.stream().map(p -> number(p.high())).toList()));
  }

  /**
   * Writes the report.
   *
   * @param warning takes a line where the picture is left out because there are no fonts
   * @return the page
   */
  public static Path write(Path json, Consumer<String> warning) throws IOException {
    List<JmhResult> results = JmhResult.read(json);
    List<Speedup> pairs = speedups(results);
    String name = json.getFileName().toString().replaceFirst("\\.json$", "");
    HtmlPage page = new HtmlPage();
    page.paragraph("JMH results of " + json.getFileName() + ": " + results.size() + " scores.");
    if (!pairs.isEmpty()) {
      Plot plot = plot(pairs);
      page.heading("What sparsity buys").plot(plot).table(table(pairs));
      if (Fonts.found("pictures of plots", warning)) {
        PlotPicture.write(plot, json.resolveSibling(name + "-speedup.png"));
      }
    }
    page.heading("Scores").table(scores(results));
    Path environment = json.resolveSibling(name + "-environment.json");
    if (Files.exists(environment)) {
      page.heading("Environment").preformatted(Json.text(environment));
    }
    Path html = json.resolveSibling(name + ".html");
    byte[] text = page.render("LVSA benchmarks").getBytes(StandardCharsets.UTF_8);
    OutputFile.write(html, out -> out.write(text));
    return html;
  }

  private static Plot plot(List<Speedup> pairs) {
    Map<String, List<Speedup>> cases = new LinkedHashMap<>();
    Map<String, String> shared = new TreeMap<>(pairs.getFirst().parameters());
    pairs.forEach(p -> shared.entrySet().retainAll(p.parameters().entrySet()));
    pairs.forEach(
        p -> {
          Map<String, String> own = new TreeMap<>(p.parameters());
          own.keySet().removeAll(shared.keySet());
          cases.computeIfAbsent(text(own), k -> new ArrayList<>()).add(p);
        });
    List<Panel> panels = new ArrayList<>();
    SweepPlots.evenly(cases, 9)
        .forEach(
            (label, all) ->
                panels.add(
                    new Panel(
                        label,
                        List.of(
                            new Series(
                                "",
                                0,
                                Style.SOLID,
                                all.stream()
                                    .sorted(Comparator.comparingDouble(Speedup::sparsityScale))
                                    .map(
                                        p ->
                                            new Point(
                                                p.sparsityScale(), p.speedup(), p.low(), p.high()))
                                    .toList())))));
    return new Plot(
        "jmh-speedup",
        "How much faster than dense? " + text(shared),
        "Dense time over sparse time of the same kernel, with the 99.9 % confidence interval of the"
            + " ratio's logarithm.",
        new Axis(
            "sparsity scale",
            Scale.LINEAR,
            pairs.stream().map(Speedup::sparsityScale).distinct().sorted().toList()),
        Axis.of("speed-up over dense", Scale.FROM_ZERO),
        panels);
  }

  private static String text(Map<String, String> parameters) {
    return String.join(
        " ", parameters.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).toList());
  }

  private static String number(double value) {
    return Double.isNaN(value) ? "" : String.format(Locale.ROOT, "%.4g", value);
  }

  private static StringColumn column(String name, List<String> values) {
    return StringColumn.create(name, values);
  }
}
