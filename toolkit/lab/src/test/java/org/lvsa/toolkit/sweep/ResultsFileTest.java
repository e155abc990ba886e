// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.MalformedFileException;

class ResultsFileTest {
  @TempDir private Path directory;

  private static ResultRow row(double scale, String note) {
    return new ResultRow(
        new Cell(
            "wan2.1-1.3b",
            "832x480",
            81,
            21,
            1560,
            1,
            2,
            2,
            128,
            DType.F32,
            scale,
            "vector",
            "a \"quoted\", video.mp4",
            1,
            "lvsa",
            Double.NaN),
        Optional.of(
            new PatternFacts(
                3, 1, 10, 0, 3, 10, 10.0, 10, 10 / 21.0, "window=3", 1560, Double.NaN)),
        Optional.of(
            new Timing(
                5, 40, 20, 1, 2, 2.01, 3, Optional.of(new Timing.Spread(6, 1, 0.5, 1.9, 2.1)))),
        Optional.of(new Quality(0.1, 0.5, 0.99, 0.4, 0.9, 0.2)),
        Status.OK,
        note,
        new Provenance("CPU, 2 threads", "sparse", "dense", "abc", "2026-11-26T00:00:00Z", "here"));
  }

  private Path file(String text) throws IOException {
    return Files.writeString(directory.resolve("results.csv"), text);
  }

  private String refused(String text) throws IOException {
    Path csv = file(text);
    String said =
        assertThrows(MalformedFileException.class, () -> ResultsFile.read(csv)).getMessage();
    assertEquals(1, said.lines().count(), said);
    assertTrue(said.contains("results.csv"), said);
    return said;
  }

  @Test
  void whatIsWrittenIsRead() throws IOException {
    List<ResultRow> rows = List.of(row(0.5, "a note"), row(1.0, ""));
    Path csv =
        file(ResultsFile.header() + ResultsFile.line(rows.get(0)) + ResultsFile.line(rows.get(1)));
    assertEquals(rows, ResultsFile.read(csv));
  }

  @Test
  void derivedColumnsAreDerived() {
    var values = ResultColumns.values(row(0.5, ""));
    assertEquals(32760, values.get("tokens"));
    assertEquals(2.1, (double) values.get("ideal_speedup"), 1e-12);
    assertEquals(2.01 * 10 / 21, (double) values.get("efficiency"), 1e-12);
    double flops = 4.0 * 32760 * 32760 * 128 * 2;
    assertEquals(flops / 40 / 1e6, (double) values.get("dense_gflops"), 1e-6);
    assertEquals(flops * 10 / 21 / 20 / 1e6, (double) values.get("sparse_gflops"), 1e-6);
  }

  @Test
  void everyFieldIsOneLine() throws IOException {
    ResultRow row = row(0.5, "java.lang.Error: first\n  second\r\nthird");
    assertEquals("java.lang.Error: first second third", row.note());
    assertEquals(1, ResultsFile.line(row).lines().count());
    Cell cell = row.cell();
    Cell named =
        new Cell(
            cell.model(),
            cell.resolution(),
            81,
            21,
            1560,
            1,
            2,
            2,
            128,
            DType.F32,
            0.5,
            "vector",
            "two\nlines.mp4",
            1,
            "lvsa",
            Double.NaN);
    assertEquals("two lines.mp4", named.input());
  }

  @Test
  void anIncompleteLastRecordIsDroppedWhole() throws IOException {
    String whole = ResultsFile.header() + ResultsFile.line(row(0.5, ""));
    String last = ResultsFile.line(row(1.0, "a note, with a comma"));
    for (int length = 0; length < last.length(); length++) {
      assertEquals(
          List.of(row(0.5, "")),
          ResultsFile.read(file(whole + last.substring(0, length))),
          "cut after " + length + " characters");
    }
  }

  @Test
  void aTornNoteOfSeveralLinesIsDroppedWhole() throws IOException {
    String whole = ResultsFile.header() + ResultsFile.line(row(0.5, ""));
    String last = ResultsFile.line(row(1.0, "X, Y")).replace("X, Y", "first\nsecond\nthird, more");
    int note = last.indexOf("second");
    assertEquals(
        List.of(row(0.5, "")), ResultsFile.read(file(whole + last.substring(0, note + 3))));
    // Whole, it is one record.
    assertEquals("first second third, more", ResultsFile.read(file(whole + last)).getLast().note());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "40.0,20.0 | , | ok needs its times",
        "40.0,20.0 | 0.0,20.0 | must be above 0",
        "40.0,20.0 | fast,20.0 | dense_ms cannot be read, got fast",
        "40.0,20.0 | NaN,20.0 | dense_ms cannot be read, got NaN",
        ",ok, | ,fine, | status cannot be read, got fine",
        ",F32, | ,F64, | dtype cannot be read, got F64",
        "wan2.1-1.3b | '' | model is empty",
        ",21,1560, | ,x,1560, | latent_frames cannot be read, got x",
        "2.01 | 2.01,7 | fields, the header has"
      })
  void aDamagedRowIsRefusedWithFileAndLine(String from, String to, String message)
      throws IOException {
    String good = ResultsFile.line(row(0.5, ""));
    String bad = good.replace(from, to == null ? "" : to);
    String said = refused(ResultsFile.header() + good + bad + good);
    assertTrue(said.contains("results.csv, line 3: the row is damaged: "), said);
    assertTrue(said.contains(message), said);
  }

  @Test
  void aShortenedRowIsRefused() throws IOException {
    String good = ResultsFile.line(row(0.5, ""));
    String said = refused(ResultsFile.header() + good.substring(0, 60) + "\n" + good);
    assertTrue(said.contains("line 2") && said.contains("fields, the header has"), said);
  }

  @Test
  void aQuoteThatIsNeverClosedHidesNoRows() throws IOException {
    String good = ResultsFile.line(row(0.5, ""));
    String said = refused(ResultsFile.header() + good + "\"" + good + good);
    assertTrue(said.contains("line 3") && said.contains("never closed"), said);
  }

  @Test
  void bytesThatAreNotUtf8AreRefusedWithTheirPlace() throws IOException {
    byte[] bytes =
        (ResultsFile.header() + ResultsFile.line(row(0.5, "x"))).getBytes(StandardCharsets.UTF_8);
    bytes[bytes.length - 40] = (byte) 0xff;
    Path csv = Files.write(directory.resolve("results.csv"), bytes);
    String said =
        assertThrows(MalformedFileException.class, () -> ResultsFile.read(csv)).getMessage();
    assertTrue(said.contains("results.csv, line 2, column"), said);
  }

  @Test
  void filesWithFewerColumnsAreTaken() throws IOException {
    List<String> names = ResultColumns.names().subList(0, 45);
    assertEquals("timestamp", names.getLast());
    String line =
        "wan2.1-1.3b,832x480,81,21,1560,32760,1,12,12,128,BF16,0.5,3,1,10,0,3,10,10.0,10,0.47619047619047616,tornado,\"CUDA"
            + " 0\",tornado-x,random,1,5,38.6,18.9,0.7,65.3,2.04,2.1,0.97,170817.0,166246.9,0.06,0.69,0.48,0.48,578.4,ok,,bd1c,2026-11-24T00:04:10Z\n";
    ResultRow row = ResultsFile.read(file(String.join(",", names) + "\n" + line)).getFirst();
    assertEquals(2.04, row.speedup());
    assertTrue(row.timing().orElseThrow().spread().isEmpty());
    assertEquals("", row.provenance().host());
  }

  @Test
  void columnsOfLaterVersionsArePassedOver() throws IOException {
    String header = ResultsFile.header().strip() + ",later\n";
    String line = ResultsFile.line(row(0.5, "")).strip() + ",7\n";
    assertEquals(List.of(row(0.5, "")), ResultsFile.read(file(header + line)));
  }

  @Test
  void anotherFileIsNoSweep() throws IOException {
    assertTrue(refused("a,b\n1,2\n").contains("is not a sweep's results.csv: its header lacks"));
    assertTrue(refused("").contains("it has no header line"));
    assertTrue(refused("model,model\n").contains("results.csv"));
  }

  @Test
  void theCommittedResultsAreRead() throws IOException {
    for (String name : List.of("wan2.1-1.3b", "hunyuanvideo-1.5")) {
      Path csv = Path.of("../../benchmarks/results/h100", name, "results.csv");
      assertTrue(ResultsFile.read(csv).size() > 20, csv.toString());
    }
  }
}
