// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.sweep.Quality;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.ResultsFile;
import org.lvsa.toolkit.sweep.Status;

/** {@code lvsa sweep --patterns}. */
class SweepPatternsTest {
  private static final String PATTERNS =
      "lvsa,window:block=16,radial:block=16,sta:tile=2x4x4,topk:queries=16,keys=16";

  @TempDir private Path directory;

  private Run sweep(Object... more) {
    List<Object> arguments =
        new ArrayList<>(
            List.of(
                "sweep",
                "--latent-frames",
                7,
                "--heads",
                2,
                "--backends",
                "reference",
                "--reps",
                1,
                "--max-seconds",
                0,
                "-o",
                directory.resolve("out")));
    arguments.addAll(Arrays.asList(more));
    return Run.lvsa(arguments.toArray());
  }

  @Test
  void patternsAreMeasuredAtADensityResumedAndReported() throws IOException {
    Run run = sweep("--grid", "4x8", "--patterns", PATTERNS, "--density", 0.5);
    assertEquals(0, run.code(), run.err());
    Path csv = directory.resolve("out/results.csv");
    List<ResultRow> rows = ResultsFile.read(csv);
    assertEquals(
        List.of("lvsa", "radial", "sta", "topk", "window"),
        rows.stream().map(row -> row.cell().patternName()).sorted().toList());
    for (ResultRow row : rows) {
      String name = row.cell().patternName();
      if (name.equals("radial")) {
        assertEquals(Status.UNSUPPORTED, row.status());
        assertTrue(row.note().contains("radial cannot reach density 0.5"), row.note());
        continue;
      }
      assertEquals(Status.OK, row.status(), row.note());
      assertEquals(0.5, row.density(), 0.1, name);
      Quality quality = row.quality().orElseThrow();
      assertTrue(quality.massRecall() > 0.3 && quality.massRecall() <= 1 + 1e-9, name);
      assertTrue(quality.worstHeadError() >= quality.relL2Error() * 0.999, name);
      assertEquals(
          name.equals("lvsa") ? 32 : name.equals("sta") ? 32 : 16,
          row.pattern().orElseThrow().blockTokens(),
          name);
      assertEquals(
          name.equals("topk"), row.pattern().orElseThrow().selectMillis() > 0, "time to choose");
      if (name.equals("topk")) {
        assertEquals(1, quality.oracleRecall(), 0.02, "the oracle recalls what is possible");
      } else {
        assertTrue(quality.oracleRecall() > 0.3 && quality.oracleRecall() < 1.1, name);
      }
    }
    String header = Files.readAllLines(csv).getFirst();
    assertTrue(
        header.endsWith(
            ",pattern,pattern_params,block_tokens,select_ms,oracle_recall,worst_head_error,"
                + "asked_pattern,asked_density,executor"),
        header);

    List<ResultRow> before = rows.stream().filter(ResultRow::ok).toList();
    Run resumed = sweep("--grid", "4x8", "--patterns", PATTERNS, "--density", 0.5, "--resume");
    assertEquals(0, resumed.code(), resumed.err());
    assertEquals(
        before,
        ResultsFile.read(csv).stream().filter(ResultRow::ok).toList(),
        "nothing is measured again");

    Run report = Run.lvsa("report", directory.resolve("out"));
    assertEquals(0, report.code(), report.err());
    String html = Files.readString(directory.resolve("out/report.html"));
    assertTrue(html.contains("Pareto front"), "the front is marked");
    for (String plot : List.of("patterns", "patterns-time", "mask-patterns")) {
      assertTrue(Files.size(directory.resolve("out/plots/" + plot + ".png")) > 1000, plot);
    }
  }

  @Test
  void scalesStandBesidePatternsAndAMaskIsRunFromItsFile() throws IOException {
    Run run =
        sweep(
            "--grid", "4x8", "--patterns", "sta:tile=2x4x4,window=1x1x1", "--sparsity-scales", 0.5);
    assertEquals(0, run.code(), run.err());
    List<ResultRow> rows = ResultsFile.read(directory.resolve("out/results.csv"));
    assertEquals(
        List.of("scale 0.5", "sta:tile=2x4x4,window=1x1x1"),
        rows.stream().map(row -> row.cell().what()).toList());
    ResultRow sta = rows.get(1);
    Path mask = Files.list(directory.resolve("out/masks")).findFirst().orElseThrow();
    Run again =
        Run.lvsa(
            "sweep",
            "--latent-frames",
            7,
            "--grid",
            "4x8",
            "--heads",
            2,
            "--backends",
            "reference",
            "--reps",
            1,
            "--max-seconds",
            0,
            "--patterns",
            "file:" + mask,
            "-o",
            directory.resolve("again"));
    assertEquals(0, again.code(), again.err());
    ResultRow file = ResultsFile.read(directory.resolve("again/results.csv")).getFirst();
    assertEquals(Status.OK, file.status(), file.note());
    assertEquals(sta.density(), file.density(), 1e-12);
  }

  @Test
  void patternsAreMeasuredWithSeveralSizesOfBlocks() throws IOException {
    Run run =
        sweep(
            "--grid",
            "8x8",
            "--patterns",
            "random,topk,sta:tile=2x4x4",
            "--block-tokens",
            "16,32",
            "--density",
            "0.3,0.5");
    assertEquals(0, run.code(), run.err());
    List<ResultRow> rows = ResultsFile.read(directory.resolve("out/results.csv"));
    assertEquals(
        List.of("random:block=16", "random:block=32", "topk:queries=16,keys=16"),
        rows.stream().map(row -> row.cell().pattern()).distinct().toList().subList(0, 3));
    assertEquals(10, rows.size(), "tiles have one size");
    Path table = directory.resolve("out/by-block-size.csv");
    Run report = Run.lvsa("report", directory.resolve("out"));
    assertEquals(0, report.code(), report.err());
    List<String> lines = Files.readAllLines(table);
    assertEquals(9, lines.size(), lines.toString());
    assertTrue(lines.get(0).startsWith("where,pattern,asked_density,block_tokens,density,rel_l2"));
    assertTrue(lines.get(1).contains(",random,0.3,16,"), lines.get(1));
    assertTrue(Files.size(directory.resolve("out/plots/block-sizes.png")) > 1000);
    assertTrue(Files.readString(directory.resolve("out/report.html")).contains("By block size"));
  }

  /** A kernel that masks within blocks runs SVG's bands as they are, another one whole blocks. */
  @Test
  void bandsRunExactlyWhereTheKernelMasks() throws IOException {
    Run run =
        Run.lvsa(
            "sweep",
            "--latent-frames",
            12,
            "--grid",
            "8x8",
            "--heads",
            1,
            "--backends",
            "reference,nd4j",
            "--reps",
            1,
            "--max-seconds",
            0,
            "--patterns",
            "svg:density=0.3",
            "-o",
            directory.resolve("out"));
    assertEquals(0, run.code(), run.err());
    List<ResultRow> rows = ResultsFile.read(directory.resolve("out/results.csv"));
    ResultRow exact = rows.get(0);
    ResultRow blocks = rows.get(1);
    assertEquals(Status.OK, exact.status(), exact.note());
    assertEquals(Status.OK, blocks.status(), blocks.note());
    assertTrue(exact.density() < 0.9 * blocks.density(), exact.density() + " " + blocks.density());
    assertTrue(
        exact.quality().orElseThrow().massRecall() < blocks.quality().orElseThrow().massRecall());
    assertTrue(
        exact.quality().orElseThrow().relL2Error() > blocks.quality().orElseThrow().relL2Error());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --grid 4x8 --patterns radiall                         | unknown pattern radiall, the nearest is radial
          --grid 4x8 --patterns sta:tile=1                      | sta: tile must be FRAMESxHEIGHTxWIDTH
          --grid 4x8 --patterns lvsa --density 0                | density must be above 0 and at most 1, got 0.0
          --grid 4x8 --patterns lvsa --density NaN              | density must be above 0 and at most 1, got NaN
          --grid 4x8 --density 0.5                              | --density needs --patterns
          --grid 4x8 --block-tokens 16                          | --block-tokens needs --patterns
          --grid 4x8 --patterns random --block-tokens 0         | --block-tokens must be at least 1, got 0
          --grid 4x8 --patterns radial:block=8 --block-tokens 4 | radial has block=8, leave it out
          --grid 4 --patterns lvsa                              | a grid is HEIGHTxWIDTH in patches, got 4
          --grid 4x8 --resolutions 256x160 --patterns lvsa      | --grid takes the place of --resolutions
          --patches-per-frame 32 --patterns sta                 | sta needs resolutions or a grid
          --grid 4x8 --patterns file:m.json --density 0.5       | a mask from a file has its density
          """)
  void badInputLeavesNothingBehind(String arguments, String message) {
    Run run = sweep((Object[]) arguments.split(" +"));
    assertEquals(2, run.code(), run.err());
    String first = run.err().lines().filter(line -> !line.contains("warning")).findFirst().get();
    assertTrue(first.startsWith("lvsa: ") && first.contains(message), run.err());
    assertEquals(List.of(), Arrays.stream(directory.toFile().list()).collect(Collectors.toList()));
  }
}
