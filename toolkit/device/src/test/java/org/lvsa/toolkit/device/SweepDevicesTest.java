// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.tornado.TornadoBackend;
import org.lvsa.toolkit.cli.Run;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.ResultsFile;
import org.lvsa.toolkit.sweep.Status;

/** {@code sweep --devices}, on two devices of PoCL that have one name. */
class SweepDevicesTest {
  @TempDir private Path directory;

  private Run sweep(String... more) {
    String options =
        "sweep --latent-frames 5,7,9 --patches-per-frame 6 --window 1 --heads 1"
            + " --sparsity-scales 0.25,0.5 --reps 1 --max-seconds 0.1 -o";
    List<Object> line = new ArrayList<>(List.of(options.split(" ")));
    line.add(directory);
    line.addAll(List.of(more));
    return Run.lvsa(line.toArray());
  }

  private static void assumeTwoDevices() {
    Set<String> ids =
        new TornadoBackend()
            .devices().stream().map(AttentionBackend.Device::id).collect(Collectors.toSet());
    assumeTrue(ids.containsAll(List.of("0:0", "0:1")), "skipped: TornadoVM has no two devices");
  }

  private List<ResultRow> rows() {
    return ResultsFile.read(directory.resolve(ResultsFile.NAME));
  }

  @Test
  @Tag("full")
  void bothDevicesMeasureAndNoGeometryMixesThem() throws IOException {
    assumeTwoDevices();
    Run run = sweep("--backends", "tornado", "--devices", "0:0,0:1");
    assertEquals(0, run.code(), run.err());
    List<ResultRow> rows = rows();
    assertEquals(6, rows.size());
    for (ResultRow row : rows) {
      assertEquals(Status.OK, row.status(), row.note());
      String device = row.provenance().executor();
      assertTrue(
          row.provenance().device().contains("(" + device + ")"), row.provenance().toString());
    }
    Map<Integer, Set<String>> devices =
        rows.stream()
            .collect(
                Collectors.groupingBy(
                    row -> row.cell().latentFrames(),
                    Collectors.mapping(
                        row -> row.provenance().executor(),
                        Collectors.toCollection(TreeSet::new))));
    assertEquals(Set.of(5, 7, 9), devices.keySet());
    devices.values().forEach(used -> assertEquals(1, used.size(), devices.toString()));
    assertEquals(
        Set.of("0:0", "0:1"),
        devices.values().stream().flatMap(Set::stream).collect(Collectors.toSet()));
    assertTrue(Files.isRegularFile(directory.resolve("environments/0-0.json")));

    // The sweep is cut off behind its third row, and goes on where it was.
    List<String> lines = Files.readAllLines(directory.resolve(ResultsFile.NAME));
    Files.write(directory.resolve(ResultsFile.NAME), lines.subList(0, 4));
    Run resumed = Run.lvsa("sweep", "--resume", "--devices", "0:1,0:0", "-o", directory.toString());
    assertEquals(0, resumed.code(), resumed.err());
    List<ResultRow> all = rows();
    assertEquals(rows.subList(0, 3), all.subList(0, 3));
    assertEquals(
        rows.stream().map(ResultRow::cell).collect(Collectors.toSet()),
        all.stream().map(ResultRow::cell).collect(Collectors.toSet()));
    assertEquals(6, all.size());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "tornado | 0:0,0:0 | each device once",
        "tornado | 0:0,x   | DRIVER:INDEX",
        "tornado | 0:0,0:9 | has no device 0:9, allowed are 0:0",
        "vector  | 0:0,0:1 | backend vector has no device 0:0",
      })
  void aBadListIsOneLineAndNothingIsWritten(String backend, String devices, String reason) {
    assumeTwoDevices();
    Run run = sweep("--backends", backend, "--devices", devices);
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().contains(reason), run.err());
    assertFalse(Files.exists(directory.resolve(ResultsFile.NAME)));
  }

  @Test
  void aListAndADeviceExcludeEachOther() {
    assumeTwoDevices();
    Run run = sweep("--backends", "tornado", "--devices", "0:0,0:1", "--device", "0:1");
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().contains("give one of them"), run.err());
  }
}
