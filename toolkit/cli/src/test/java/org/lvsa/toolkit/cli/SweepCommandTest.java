// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.report.ResultTables;
import org.lvsa.toolkit.sweep.PatternFacts;
import org.lvsa.toolkit.sweep.Quality;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.ResultsFile;
import org.lvsa.toolkit.sweep.Status;
import org.lvsa.toolkit.sweep.Timing;
import tech.tablesaw.api.Table;

class SweepCommandTest {
  /** The columns up to timestamp are fixed; later ones are appended. */
  private static final String HEADER =
      "model,resolution,frames,latent_frames,patches_per_frame,tokens,batch,heads,kv_heads,"
          + "head_dim,dtype,sparsity_scale,window,first_frames,key_frame_interval,step,"
          + "global_frames,attended_min,attended_mean,attended_max,density,backend,device,kernel,"
          + "input,seed,reps,dense_ms,sparse_ms,prepare_ms,transfer_ms,speedup,ideal_speedup,"
          + "efficiency,dense_gflops,sparse_gflops,rel_l2_error,max_abs_error,cosine,mass_recall,"
          + "peak_extra_mib,status,note,commit,timestamp,dense_iqr_ms,sparse_iqr_ms,speedup_low,"
          + "speedup_high,rounds,dense_kernel,host,pattern,pattern_params,block_tokens,select_ms,"
          + "oracle_recall,worst_head_error,asked_pattern,asked_density,executor";

  @TempDir private Path directory;

  private Object[] tiny(Object... more) {
    return Stream.concat(
            Stream.of(
                "sweep",
                "--latent-frames",
                "15,21",
                "--patches-per-frame",
                "6",
                "--window",
                "1",
                "--sparsity-scales",
                "0.25,0.5",
                "--heads",
                "1",
                "--reps",
                "2",
                "--max-seconds",
                "0.5",
                "-o",
                directory.resolve("out")),
            Stream.of(more))
        .toArray();
  }

  @Test
  void aMasterNeedsSparkOnTheClassPath() {
    Run run = Run.lvsa("sweep", "--preset", "quick", "--master", "local[2]", "-o", directory);
    assertEquals(3, run.code(), run.err());
    assertTrue(run.err().contains("--master needs Apache Spark"), run.err());
    Run conf = Run.lvsa("sweep", "--preset", "quick", "--conf", "a=b", "-o", directory);
    assertEquals(2, conf.code(), conf.err());
    assertTrue(conf.err().contains("give --master too"), conf.err());
  }

  @Test
  void everyCellIsARowWithItsMeasurements() throws IOException {
    Run run = Run.lvsa(tiny("--backends", "vector,nd4j"));
    assertEquals(0, run.code(), run.err());
    Path out = directory.resolve("out");
    assertEquals(HEADER, Files.readAllLines(out.resolve("results.csv")).getFirst());
    List<ResultRow> rows = ResultsFile.read(out.resolve("results.csv"));
    assertEquals(8, rows.size());
    assertEquals(4, rows.stream().filter(row -> row.cell().backend().equals("nd4j")).count());
    for (ResultRow row : rows) {
      assertEquals(Status.OK, row.status(), row.note());
      assertTrue(row.note().startsWith("1 of 12 heads"), row.note());
      Timing times = row.timing().orElseThrow();
      Timing.Spread spread = times.spread().orElseThrow();
      assertTrue(spread.rounds() >= 6);
      assertTrue(spread.speedupLow() <= times.speedup() && times.speedup() <= spread.speedupHigh());
      assertTrue(spread.denseIqrMillis() >= 0 && spread.sparseIqrMillis() >= 0);
      assertEquals(row.cell().latentFrames() * 6, row.cell().tokens());
      PatternFacts facts = row.pattern().orElseThrow();
      double flops = 4.0 * facts.attendedMean() * row.cell().latentFrames() * 36 * 128;
      assertEquals(
          flops / times.sparseMillis() / 1e6, row.sparseGflops(), 1e-6 * row.sparseGflops());
      Quality quality = row.quality().orElseThrow();
      assertTrue(quality.relL2Error() > 0 && quality.relL2Error() < 1, quality.toString());
      assertTrue(quality.cosine() > 0 && quality.cosine() < 1);
      assertTrue(quality.massRecall() > 0 && quality.massRecall() < 1);
      String device = row.provenance().device();
      assertTrue(device.contains("CPU") || device.contains("JVM"), device);
      assertFalse(row.provenance().kernel().isEmpty());
      assertFalse(row.provenance().host().isEmpty());
    }
    // Two backends measured one problem: their quality must agree, only their times may not.
    assertEquals(
        rows.get(0).quality().orElseThrow().relL2Error(),
        rows.get(2).quality().orElseThrow().relL2Error(),
        1e-4);
    JsonNode environment = new ObjectMapper().readTree(out.resolve("environment.json").toFile());
    for (String name : List.of("machine", "jvm", "commit", "command", "kernels")) {
      assertTrue(environment.hasNonNull(name), name);
    }
    assertTrue(run.err().contains("8 cells to measure"), run.err());
    assertTrue(run.out().contains("speedup  95 % interval"), run.out());
    int widest = run.out().lines().mapToInt(String::length).max().orElseThrow();
    assertTrue(widest <= SweepTable.terminalWidth(), run.out());
    Table table = ResultTables.read(out.resolve("results.csv"));
    assertEquals(61, table.columnCount());
    assertEquals(8, table.rowCount());
  }

  @Test
  void resumeMeasuresWhatIsMissingAndKeepsTheRest() throws IOException {
    assertEquals(0, Run.lvsa(tiny()).code());
    Path csv = directory.resolve("out/results.csv");
    List<String> lines = Files.readAllLines(csv);
    assertEquals(5, lines.size());
    // As a crash leaves it: two whole rows, one of them failed, and half a line.
    String failed = lines.get(2).replaceFirst(",ok,", ",failed,");
    Files.writeString(
        csv,
        lines.get(0) + "\n" + lines.get(1) + "\n" + failed + "\n" + lines.get(3).substring(0, 30));
    Run again = Run.lvsa(tiny("--resume"));
    assertEquals(0, again.code(), again.err());
    assertTrue(again.err().contains("3 cells to measure (1 are there already)"), again.err());
    List<String> after = Files.readAllLines(csv);
    assertEquals(5, after.size());
    assertEquals(lines.get(1), after.get(1), "the finished row is kept to the letter");
    assertTrue(ResultsFile.read(csv).stream().allMatch(ResultRow::ok));
  }

  @Test
  void resumeAloneTakesTheSettingsOfTheDirectory() throws IOException {
    Path out = directory.resolve("out");
    assertEquals(0, Run.lvsa(tiny("--backends", "vector")).code());
    List<String> lines = Files.readAllLines(out.resolve("results.csv"));
    // Killed before there were results.
    Files.delete(out.resolve("results.csv"));
    Run resumed = Run.lvsa("sweep", "--resume", "-o", out, "--format", "csv");
    assertEquals(0, resumed.code(), resumed.err());
    assertEquals(lines.size(), Files.readAllLines(out.resolve("results.csv")).size());
    Run other = Run.lvsa("sweep", "--resume", "-o", out, "--seed", "2");
    assertEquals(2, other.code(), other.err());
    assertTrue(other.err().contains("was made with other settings"), other.err());
    Run nothing = Run.lvsa("sweep", "--resume", "-o", directory.resolve("nothing"));
    assertEquals(2, nothing.code(), nothing.err());
    assertTrue(nothing.err().contains("holds no sweep to resume"), nothing.err());
    assertFalse(Files.exists(directory.resolve("nothing")));
  }

  @Test
  void aDirectoryWithOtherSettingsOrResultsIsRefused() {
    assertEquals(0, Run.lvsa(tiny()).code());
    Run over = Run.lvsa(tiny());
    assertEquals(2, over.code());
    assertTrue(over.err().contains("add --resume"), over.err());
    Run other = Run.lvsa(tiny("--resume", "--seed", "7"));
    assertEquals(2, other.code());
    assertTrue(other.err().contains("made with other settings: seed 1 there, 7 now"), other.err());
  }

  @Test
  void aKilledSweepLosesNoFinishedCell() throws Exception {
    Path out = directory.resolve("out");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            Lvsa.class.getName()));
    for (Object word : tiny("--latent-frames", "15,18,21,24", "--backends", "vector")) {
      command.add(word.toString());
    }
    // The later --latent-frames would add to the earlier one: take only the longer list.
    int first = command.indexOf("--latent-frames");
    command.subList(first, first + 2).clear();
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(new File(directory.toFile(), "log"))
            .start();
    Path csv = out.resolve("results.csv");
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (System.nanoTime() < deadline
        && !(Files.exists(csv) && Files.readAllLines(csv).size() >= 3)) {
      process.waitFor(20, TimeUnit.MILLISECONDS);
    }
    process.destroyForcibly().waitFor();
    List<String> killed = Files.readAllLines(csv);
    assertTrue(killed.size() >= 3, Files.readString(directory.resolve("log")));
    List<ResultRow> kept = ResultsFile.read(csv);
    command.add("--resume");
    Process resumed =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(new File(directory.toFile(), "log2"))
            .start();
    assertTrue(resumed.waitFor(120, TimeUnit.SECONDS));
    assertEquals(0, resumed.exitValue(), Files.readString(directory.resolve("log2")));
    List<ResultRow> all = ResultsFile.read(csv);
    assertEquals(8, all.size());
    assertEquals(kept, all.subList(0, kept.size()));
  }

  @Test
  void theOtherFormatsHoldTheSameRows() throws IOException {
    Run json = Run.lvsa(tiny("--format", "json"));
    assertEquals(0, json.code(), json.err());
    JsonNode rows = new ObjectMapper().readTree(json.out());
    assertEquals(4, rows.size());
    assertTrue(rows.get(0).has("rel_l2_error") && rows.get(0).has("peak_extra_mib"));
    Run csv = Run.lvsa(tiny("--format", "csv", "--resume"));
    assertEquals(HEADER, csv.out().lines().findFirst().orElseThrow());
    assertEquals(5, csv.out().lines().count());
  }

  @Test
  void whatDoesNotFitIsRefusedByNameAndTheRestRuns() throws IOException {
    Run run =
        Run.lvsa(
            "sweep",
            "--latent-frames",
            "5,200000",
            "--patches-per-frame",
            "1000",
            "--sparsity-scales",
            "0.5",
            "--heads",
            "1",
            "--reps",
            "1",
            "--max-seconds",
            "0.5",
            "-o",
            directory.resolve("out"));
    assertEquals(0, run.code(), run.err());
    assertTrue(run.err().contains("refused: wan2.1-1.3b 1000 patches"), run.err());
    List<ResultRow> rows = ResultsFile.read(directory.resolve("out/results.csv"));
    assertEquals(List.of(Status.OK, Status.REFUSED), rows.stream().map(ResultRow::status).toList());
    assertTrue(rows.get(1).note().contains("MiB are free here"), rows.get(1).note());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --models nope                                 | 2 | unknown model nope
          --backends tornado                            | 3 | backend tornado is not available here
          --backends cudnn                              | 3 | backend cudnn is not available here
          --backends cpu                                | 2 | unknown backend cpu
          --resolutions 832                             | 2 | a resolution is WIDTHxHEIGHT
          --frames 0                                    | 2 | frames must be at least 1, got 0
          --frames 81 --latent-frames 21                | 2 | give one of them
          --resolutions 832x480 --patches-per-frame 6   | 2 | give one of them
          --latent-frames 0                             | 2 | latent frames must be at least 1, got 0
          --sparsity-scales -1                          | 2 | sparsity scale must be a number above 0, got -1.0
          --heads 0                                     | 2 | --heads must be at least 1, got 0
          --heads 13                                    | 2 | heads must be at most 12 for wan2.1-1.3b, got 13
          --reps 0                                      | 2 | reps must be at least 1, got 0
          --dtype f64                                   | 2 | expected one of [F32, F16, BF16]
          --input nowhere.mp4                           | 2 | nowhere.mp4: no such file
          --preset slow                                 | 2 | expected one of [QUICK, PATTERNS]
          --batch 0                                     | 2 | batch must be at least 1, got 0
          --frames 4000001 --heads 1                    | 2 | MiB are free here
          --frames 80                                   | 2 | 77 or 81, got 80
          --frames 81,82                                | 2 | 81 or 85, got 82
          --resolutions 854x480                         | 2 | 848x480 or 864x480, got 854x480
          --resume=whatever                             | 2 | --resume takes nothing or =anyway
          --resume                                      | 2 | holds no sweep to resume
          --device nonsense --backends vector           | 2 | nonsense
          --kernel tensorcore --backends vector         | 2 | tensorcore
          --max-seconds -1                              | 2 | max seconds must be a number from 0 on
          --batch 2147483647                            | 2 | MiB are free here
          --latent-frames 300000 --patches-per-frame 1 --window 100000 | 2 | MiB are free here
          --latent-frames 2000000000 --patches-per-frame 2 | 2 | latent frames
          --resolutions 99999x99999 --round             | 2 | more memory than can be counted
          """)
  void badInputLeavesNothingBehind(String arguments, int code, String message) {
    Path out = directory.resolve("never");
    Object[] words =
        Stream.concat(
                Stream.of("sweep", "-o", out.toString()), Stream.of(arguments.strip().split(" +")))
            .toArray();
    Run run = Run.lvsa(words);
    assertEquals(code, run.code(), run.err());
    assertTrue(run.err().contains(message), run.err());
    assertTrue(run.err().lines().count() <= 2, run.err());
    assertFalse(Files.exists(out));
  }

  @Test
  void roundingIsNotedInTheRow() throws IOException {
    Run run =
        Run.lvsa(
            "sweep",
            "--frames",
            "10",
            "--resolutions",
            "60x60",
            "--round",
            "--sparsity-scales",
            "1.0",
            "--heads",
            "1",
            "--max-seconds",
            "0.2",
            "-o",
            directory.resolve("out"));
    assertEquals(0, run.code(), run.err());
    ResultRow row = ResultsFile.read(directory.resolve("out/results.csv")).getFirst();
    assertEquals(9, row.cell().frames());
    assertEquals("64x64", row.cell().resolution());
    assertTrue(
        row.note().contains("resolution rounded from 60x60; frames rounded from 10"), row.note());
  }

  /** A video as YUV4MPEG2, whose frames are random bytes. */
  private static void writeVideo(Path file, int frames) throws IOException {
    Random random = new Random(4);
    try (OutputStream out = Files.newOutputStream(file)) {
      out.write("YUV4MPEG2 W32 H32 F16:1 C420\n".getBytes(StandardCharsets.US_ASCII));
      byte[] frame = new byte[32 * 32 * 3 / 2];
      for (int i = 0; i < frames; i++) {
        random.nextBytes(frame);
        out.write("FRAME\n".getBytes(StandardCharsets.US_ASCII));
        out.write(frame);
      }
    }
  }

  @Test
  void thePresetTakesTheLengthsThatAShortVideoHas() throws Exception {
    Path video = directory.resolve("short.y4m");
    writeVideo(video, 20);
    Run run =
        Run.lvsa(
            "sweep",
            "--preset",
            "quick",
            "--input",
            video,
            "--resolutions",
            "64x64",
            "--max-seconds",
            "0.2",
            "-o",
            directory.resolve("out"));
    assertEquals(0, run.code(), run.err());
    assertTrue(
        run.err()
            .contains("the video has 20 frames: the preset measures 17 frames instead of 81, 161"),
        run.err());
    List<ResultRow> rows = ResultsFile.read(directory.resolve("out/results.csv"));
    assertEquals(List.of(17, 17, 17), rows.stream().map(row -> row.cell().frames()).toList());
    assertEquals("short.y4m", rows.getFirst().cell().input());
  }

  @Test
  void twoProcessesDoNotShareADirectory() throws Exception {
    Path out = directory.resolve("out");
    Files.createDirectories(out);
    try (FileChannel other =
            FileChannel.open(
                out.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock held = other.lock()) {
      assertTrue(held.isValid());
      Run run = Run.lvsa(tiny());
      assertEquals(2, run.code(), run.err());
      assertTrue(run.err().contains("is in use by another sweep"), run.err());
      assertEquals(1, run.err().lines().filter(line -> line.startsWith("lvsa: ")).count());
    }
    assertEquals(0, Run.lvsa(tiny()).code());
  }

  @Test
  void damagedSettingsEndWithCode2() throws IOException {
    assertEquals(0, Run.lvsa(tiny()).code());
    Files.writeString(directory.resolve("out/settings.json"), "{}");
    Run run = Run.lvsa(tiny("--resume"));
    assertEquals(2, run.code());
    assertTrue(run.err().contains("settings.json is damaged: it lacks models"), run.err());
  }

  @Test
  void theWideTableHasEveryColumn() {
    Run run = Run.lvsa(tiny("--wide"));
    assertEquals(0, run.code(), run.err());
    String header = run.out().lines().findFirst().orElseThrow();
    assertEquals(HEADER, String.join(",", header.strip().split(" +")));
  }

  @Test
  void aForeignCsvIsNoSweep() throws IOException {
    Path out = Files.createDirectories(directory.resolve("out"));
    Files.writeString(out.resolve("results.csv"), "a,b\n1,2\n", StandardOpenOption.CREATE);
    Run run = Run.lvsa("report", out);
    assertEquals(2, run.code());
    assertTrue(run.err().contains("is not a sweep's results.csv"), run.err());
    assertEquals(2, Run.lvsa("report", directory.resolve("none")).code());
    assertEquals(2, Run.lvsa("report", directory).code());
  }
}
