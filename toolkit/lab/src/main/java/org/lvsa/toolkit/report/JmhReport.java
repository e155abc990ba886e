// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.lvsa.toolkit.report.Plot.Axis;
import org.lvsa.toolkit.report.Plot.Panel;
import org.lvsa.toolkit.report.Plot.Point;
import org.lvsa.toolkit.report.Plot.Scale;
import org.lvsa.toolkit.report.Plot.Series;
import org.lvsa.toolkit.report.Plot.Style;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

/**
 * The report of a JMH result: every score, and dense/sparse pairs as speed-ups with their error.
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
   * @param speedup dense time over sparse time
   * @param error of the speed-up, from both runs' errors
   */
  public record Speedup(
      Map<String, String> parameters, double sparsityScale, double speedup, double error) {}

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
          .ifPresent(
              partner -> {
                double ratio = sparse.score() / partner.score();
                double speedup = sparse.throughput() ? ratio : 1 / ratio;
                double relative =
                    Math.hypot(sparse.error() / sparse.score(), partner.error() / partner.score());
                pairs.add(new Speedup(others, scale, speedup, speedup * relative));
              });
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
        column("error", pairs.stream().map(p -> number(p.error())).toList()));
  }

  /**
   * Writes the report.
   *
   * @return the page
   */
  public static Path write(Path json) throws IOException {
    List<JmhResult> results = JmhResult.read(json);
    List<Speedup> pairs = speedups(results);
    String name = json.getFileName().toString().replaceFirst("\\.json$", "");
    HtmlPage page = new HtmlPage();
    page.paragraph("JMH results of " + json.getFileName() + ": " + results.size() + " scores.");
    if (!pairs.isEmpty()) {
      Plot plot = plot(pairs);
      page.heading("What sparsity buys").plot(plot).table(table(pairs));
      PlotPicture.write(plot, json.resolveSibling(name + "-speedup.png"));
    }
    page.heading("Scores").table(scores(results));
    Path environment = json.resolveSibling(name + "-environment.json");
    if (Files.exists(environment)) {
      page.heading("Environment").preformatted(Files.readString(environment));
    }
    Path html = json.resolveSibling(name + ".html");
    Files.writeString(html, page.render("LVSA benchmarks"));
    return html;
  }

  private static Plot plot(List<Speedup> pairs) {
    Map<String, List<Speedup>> cases = new LinkedHashMap<>();
    pairs.forEach(p -> cases.computeIfAbsent(text(p.parameters()), k -> new ArrayList<>()).add(p));
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
                                                p.sparsityScale(),
                                                p.speedup(),
                                                p.speedup() - p.error(),
                                                p.speedup() + p.error()))
                                    .toList())))));
    return new Plot(
        "jmh-speedup",
        "How much faster than dense?",
        "Dense time over sparse time of the same kernel, with the 99.9 % confidence interval.",
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
