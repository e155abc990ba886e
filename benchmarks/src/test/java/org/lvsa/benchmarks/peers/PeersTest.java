// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.cli.Lvsa;

class PeersTest {
  private static final String MAIN = "81x96x4x128-f32";

  @TempDir private Path directory;

  private static PeerRound round(String peerCase, int bits, Map<String, Double> millis) {
    TreeMap<String, String> who = new TreeMap<>();
    TreeMap<String, PeerTime> times = new TreeMap<>();
    millis.forEach(
        (name, one) -> {
          who.put(name.substring(0, name.lastIndexOf(' ')), "a kernel");
          times.put(name, new PeerTime(one, 1.5 * one));
        });
    return new PeerRound(peerCase, bits, 2, "commit", who, times, 0.5, "now");
  }

  private static String line(String table, String start) {
    return table.lines().filter(one -> one.startsWith(start)).findFirst().orElseThrow();
  }

  @Test
  void aCaseIsItsName() {
    for (PeerCase one : PeerCase.ALL) {
      assertEquals(one, PeerCase.parse(one.name()));
    }
    PeerCase one = PeerCase.parse("81x390x2x40-bf16");
    assertEquals(new AttentionShape(1, 81, 390, 0, 2, 2, 40), one.shape());
    assertEquals(DType.BF16, one.dtype());
    for (String wrong :
        List.of("", "81x96x4-f32", "81x96x4x128", "81x96x4x128-f64", "0x1x1x1-f32")) {
      assertThrows(IllegalArgumentException.class, () -> PeerCase.parse(wrong), wrong);
    }
    // Dense is 4·tokens²·headDim for each head; the pattern skips most of it.
    assertEquals(4.0 * 31590 * 31590 * 40 * 2, one.flops(false), 1);
    assertTrue(one.flops(true) < one.flops(false) / 2);
  }

  @Test
  void theTableSaysWhichBarsHold() {
    List<PeerRound> rounds = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      rounds.add(
          round(
              MAIN,
              256,
              Map.of(
                  "ours dense",
                  100.0 + i,
                  "ours sparse",
                  100.0,
                  "torch dense",
                  110.0 + i,
                  "torch sparse",
                  i == 0 ? 170.0 : 150.0 - i)));
      rounds.add(
          round(
              "81x96x4x40-f32",
              256,
              Map.of(
                  "ours dense", 100.0,
                  "ours sparse", 100.0,
                  "torch dense", 80.0,
                  "torch sparse", 145.0)));
    }
    String table = PeerTable.of(rounds);
    String main = line(table, "| 256 | 81x96x4x128-f32 | ours / torch");
    assertTrue(main.contains("| 1.10 [1.09, 1.10] | 1.00 holds |"), main);
    assertTrue(main.contains("| 1.47 [1.44, 1.70] | 1.60 within the noise |"), main);
    String other = line(table, "| 256 | 81x96x4x40-f32 | ours / torch");
    assertTrue(other.contains("| 0.80 [0.80, 0.80] | 0.90 **FAILS** |"), other);
    assertTrue(other.contains("| 1.45 [1.45, 1.45] | 1.44 holds |"), other);
    String speed = line(table, "| 256 | 81x96x4x128-f32 | torch");
    // 4 · 7776² · 128 · 4 operations in 113 ms, and the CPU's time is 1.5 times the clock's.
    assertTrue(speed.contains("| 7 | 1096 [1068, 1126] |"), speed);
    assertTrue(speed.endsWith("| 1.50 / 1.50 |"), speed);
  }

  @Test
  void beforeAndF32AreComparedWhereTheyTookPart() {
    Map<String, Double> times =
        Map.of(
            "ours dense", 100.0,
            "ours sparse", 10.0,
            "before dense", 100.0,
            "before sparse", 9.0,
            "ours f32 dense", 95.0,
            "ours f32 sparse", 8.0);
    String table = PeerTable.of(List.of(round("81x96x4x128-bf16", 512, times)));
    String before = line(table, "| 512 | 81x96x4x128-bf16 | ours / before");
    assertTrue(before.contains("| 1.00 [1.00, 1.00] | 1.00 holds |"), before);
    assertTrue(before.contains("| 0.90 [0.90, 0.90] | 1.00 **FAILS** |"), before);
    String f32 = line(table, "| 512 | 81x96x4x128-bf16 | ours / ours f32");
    assertTrue(f32.contains("| 0.95 [0.95, 0.95] | 0.90 holds |"), f32);
    assertTrue(f32.contains("| 0.80 [0.80, 0.80] | 0.90 **FAILS** |"), f32);
    assertFalse(table.contains("torch"), table);
  }

  @Test
  void aRoundSaysHowMuchOfTheMachineItHad() {
    PeerRound round = round(MAIN, 256, Map.of("ours dense", 100.0, "torch dense", 50.0));
    assertEquals(0.75, round.leastBusy());
    round.times().put("torch sparse", new PeerTime(80, 40));
    assertEquals(0.25, round.leastBusy());
    assertEquals(
        "ours dense 100 ms (1.50), torch dense 50 ms (1.50), torch sparse 80 ms (0.50)",
        round.inWords());
  }

  @Test
  void badOptionsAreOneLine() {
    String file = directory.resolve("peers.jsonl").toString();
    assertTrue(refused("-o", file, "--widths", "64").contains("128, 256 or 512 bits, got 64"));
    assertTrue(refused("-o", file, "--cases", "wan").contains("FRAMESxPATCHESxHEADSxHEADDIM"));
    assertTrue(refused("-o", file, "--python", "/none").contains("/none is not a file"));
    assertTrue(refused("-o", file, "--threads", "0").contains("--threads at least 1"));
    assertFalse(Files.exists(Path.of(file)));
  }

  private static String refused(String... arguments) {
    PrintStream before = System.err;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try {
      assertEquals(2, Lvsa.run(new PeersCommand(), List.of(arguments)));
    } finally {
      System.setErr(before);
    }
    String said = bytes.toString(StandardCharsets.UTF_8);
    assertEquals(1, said.lines().count(), said);
    return said;
  }

  /** Two real contestants in Java, and one in the place of PyTorch that answers at once. */
  @Test
  @Tag("full")
  void aComparisonGoesOnWhereItStopped() throws IOException {
    Path python = directory.resolve("python");
    Files.writeString(
        python,
        """
        #!/bin/sh
        read problem
        case $problem in *'"threads":2,"tokens":100,"patches":4'*) ;; *) exit 1 ;; esac
        echo "{\\"kernel\\": \\"asked for $ATEN_CPU_CAPABILITY\\"}"
        while read what; do echo "$([ $what = dense ] && echo 7 || echo 5) 3"; done
        """);
    assertTrue(python.toFile().setExecutable(true));
    Path file = directory.resolve("peers.jsonl");
    for (int rounds : new int[] {1, 2, 2}) {
      int code =
          Lvsa.run(
              new PeersCommand(),
              List.of(
                  "-o",
                  file.toString(),
                  "--rounds",
                  "" + rounds,
                  "--threads",
                  "2",
                  "--widths",
                  "128",
                  "--cases",
                  "25x4x1x16-f32",
                  "--least-busy",
                  "0",
                  "--python",
                  python.toString()));
      assertEquals(0, code);
      assertEquals(rounds, PeerRound.read(file).size());
    }
    PeerRound round = PeerRound.read(file).getLast();
    assertTrue(round.contestants().get("ours").startsWith("vector-f32x4-"), round.toString());
    assertEquals("asked for default", round.contestants().get("torch"));
    assertEquals(new PeerTime(5, 3), round.times().get("torch sparse"));
    assertTrue(round.times().get("ours dense").millis() > 0);
    assertTrue(Files.exists(directory.resolve("peers-environment.json")));
    assertTrue(Files.readString(directory.resolve("peers.md")).contains("| ours / torch |"));
  }
}
