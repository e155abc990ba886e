// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.cli.Run;
import org.lvsa.toolkit.sweep.ResultsFile;

class ReportTest {
  private static final List<String> PLOTS = List.of("speedup", "error", "latency", "pareto");

  @TempDir private static Path directory;
  private static Path out;

  @BeforeAll
  static void sweep() {
    out = directory.resolve("out");
    Run run =
        Run.lvsa(
            "sweep",
            "--latent-frames",
            "9,15",
            "--patches-per-frame",
            "6",
            "--window",
            "1",
            "--sparsity-scales",
            "0.25,0.5",
            "--heads",
            "1",
            "--reps",
            "1",
            "--max-seconds",
            "0.5",
            "-o",
            out);
    assertEquals(0, run.code(), run.err());
    Run report = Run.lvsa("report", out);
    assertEquals(0, report.code(), report.err());
    assertTrue(report.out().contains("report.html"));
  }

  @Test
  void thePageNeedsNoNetwork() throws IOException {
    String page = Files.readString(out.resolve("report.html"));
    String markup = page.replaceAll("(?s)<script>.*?</script>", "");
    assertTrue(page.length() > 1_000_000 && markup.length() < 1_000_000, "ECharts is inlined");
    assertFalse(
        Pattern.compile("<(script|link|img)[^>]*(src|href)=\"(?!data:)").matcher(markup).find());
    for (String plot : PLOTS) {
      assertTrue(page.contains("draw(\"" + plot + "\""), plot);
    }
    assertTrue(page.contains("rel_l2_error") && page.contains("&quot;jvm&quot;"));
  }

  @Test
  void everyPlotAndMaskIsAPngToo() throws IOException {
    try (Stream<Path> files = Files.list(out.resolve("plots"))) {
      List<Path> all = files.toList();
      assertEquals(PLOTS.size() + 4, all.size(), all.toString());
      for (Path file : all) {
        assertTrue(ImageIO.read(file.toFile()).getWidth() > 200, file.toString());
      }
    }
    assertTrue(Files.readString(out.resolve("summary.csv")).startsWith("model,resolution"));
    assertEquals(3, Files.readAllLines(out.resolve("by-scale.csv")).size());
    assertEquals(4, ResultsFile.read(out.resolve("results.csv")).size());
  }

  /** A browser draws every plot as SVG, and has nothing to complain about. */
  @Test
  void aBrowserDrawsEveryPlot() throws Exception {
    Path chromium = Path.of("/usr/bin/chromium");
    assumeTrue(Files.isExecutable(chromium), "Chromium is not installed: report.html not opened");
    Path dom = directory.resolve("dom.html");
    Path log = directory.resolve("chromium.log");
    Process process =
        new ProcessBuilder(
                chromium.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--enable-logging=stderr",
                "--user-data-dir=" + directory.resolve("profile"),
                "--virtual-time-budget=5000",
                "--window-size=1200,2000",
                "--dump-dom",
                out.resolve("report.html").toUri().toString())
            .redirectOutput(dom.toFile())
            .redirectError(log.toFile())
            .start();
    assertTrue(process.waitFor(90, TimeUnit.SECONDS), "Chromium did not end");
    String drawn = Files.readString(dom);
    for (String plot : PLOTS) {
      int start = drawn.indexOf("<div class=\"plot\" id=\"" + plot + "\"");
      assertTrue(start >= 0, plot);
      String svg = drawn.substring(start, drawn.indexOf("</figure>", start));
      assertTrue(svg.contains("<svg"), plot + " has no picture");
      long marks = Pattern.compile("<path").matcher(svg).results().count();
      assertTrue(marks >= 8, plot + " has only " + marks + " paths");
    }
    List<String> console =
        Files.readAllLines(log, StandardCharsets.UTF_8).stream()
            .filter(line -> line.contains("CONSOLE"))
            .toList();
    assertEquals(List.of(), console);
  }
}
