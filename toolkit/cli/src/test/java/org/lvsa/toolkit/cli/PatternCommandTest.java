// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.Golden;

class PatternCommandTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path directory;

  @Test
  void everyGoldenCaseMatchesExactly() throws Exception {
    List<String> cases = Golden.patterns();
    assertEquals(240, cases.size());
    Path file = Files.write(directory.resolve("cases.jsonl"), cases);
    Run run = Run.lvsa("pattern", "--cases", file);
    assertEquals(0, run.code(), run.err());
    List<String> lines = run.out().lines().toList();
    assertEquals(cases.size(), lines.size());
    for (int i = 0; i < lines.size(); i++) {
      JsonNode expected = JSON.readTree(cases.get(i)).get("expect");
      assertEquals(expected, JSON.readTree(lines.get(i)), "case " + i);
    }
  }

  @Test
  void optionsGiveWhatTheGoldenCaseGives() throws Exception {
    for (String line : Golden.patterns().subList(0, 40)) {
      JsonNode settings = JSON.readTree(line);
      Run run =
          Run.lvsa(
              Stream.of(
                      List.of(
                          "pattern",
                          "--latent-frames",
                          settings.get("latentFrames").asText(),
                          "--patches-per-frame",
                          settings.get("patchesPerFrame").asText(),
                          "--window",
                          settings.get("window").asText(),
                          "--first-frames",
                          settings.get("firstFrames").asText(),
                          "--reference-frames",
                          settings.get("referenceFrames").asText(),
                          "--sparsity-scale",
                          settings.get("sparsityScale").asText(),
                          "--step",
                          settings.get("step").asText(),
                          "--rank",
                          settings.get("rank").asText(),
                          "--world",
                          settings.get("world").asText()),
                      settings.get("keyFrameInterval").isNull()
                          ? List.<String>of()
                          : List.of(
                              "--key-frame-interval", settings.get("keyFrameInterval").asText()),
                      settings.get("rotateKeyframes").booleanValue()
                          ? List.of("--rotate-keyframes")
                          : List.<String>of(),
                      settings.get("expandWindow").booleanValue()
                          ? List.<String>of()
                          : List.of("--no-expand-window"))
                  .flatMap(List::stream)
                  .toArray());
      assertEquals(0, run.code(), run.err());
      assertEquals(settings.get("expect"), JSON.readTree(run.out()), line);
    }
  }

  @Test
  void theMaskShowsGlobalAndWindowFrames() {
    Run run =
        Run.lvsa(
            "pattern",
            "--latent-frames",
            5,
            "--patches-per-frame",
            1,
            "--window",
            1,
            "--key-frame-interval",
            4,
            "--no-expand-window",
            "--format",
            "mask");
    assertEquals(0, run.code(), run.err());
    List<String> lines = run.out().lines().toList();
    // Frames 0 and 4 are global; windows are shifted, not cut, at the ends.
    assertEquals("0 XWW.G 4", lines.get(0));
    assertEquals("2 GWWWG 5", lines.get(2));
    assertEquals("4 G.WWX 4", lines.get(4));
    assertTrue(lines.get(5).contains("2 global, attended min 4 max 5 mean 4.2 of 5"));
  }

  @Test
  void aModelGivesItsGeometry() throws Exception {
    Run run =
        Run.lvsa("pattern", "--model", "wan2.1-1.3b", "--frames", 321, "--resolution", "832x480");
    assertEquals(0, run.code(), run.err());
    JsonNode node = JSON.readTree(run.out());
    assertEquals(81 * 1560, node.get("localTokens").intValue());
    assertEquals(0.259, node.get("density").doubleValue(), 0.0005);
  }

  @Test
  void thePictureIsAPng() throws Exception {
    Path file = directory.resolve("mask.png");
    Run run =
        Run.lvsa(
            "pattern",
            "--latent-frames",
            41,
            "--patches-per-frame",
            6,
            "--format",
            "png",
            "-o",
            file);
    assertEquals(0, run.code(), run.err());
    assertTrue(ImageIO.read(file.toFile()).getWidth() > 700);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --latent-frames 0 --patches-per-frame 1                   | latent frames must be at least 1, got 0
          --latent-frames 5                                         | give --latent-frames and --patches-per-frame
          --latent-frames x --patches-per-frame 1                   | Invalid value for option '--latent-frames'
          --latent-frames 5 --patches-per-frame 1 --window -1       | window must be at least 0, got -1
          --latent-frames 5 --patches-per-frame 1 --sparsity-scale 0| sparsity scale must be a number above 0, got 0.0
          --latent-frames 5 --patches-per-frame 1 --sparsity-scale NaN| sparsity scale must be a number above 0, got NaN
          --latent-frames 5 --patches-per-frame 1 --world 2         | world must divide the 5 tokens
          --latent-frames 5 --patches-per-frame 1 --rank 1          | rank must be from 0 to 0
          --latent-frames 5 --patches-per-frame 1 --key-frame-interval 0 | key frame interval must be at least 1, got 0
          --latent-frames 5 --patches-per-frame 1 --step -1         | step must be at least 0, got -1
          --latent-frames 5 --patches-per-frame 1 --format png      | --format png needs -o FILE
          --latent-frames 99999 --patches-per-frame 99999           | must be at most 2^31-1
          --latent-frames 5 --patches-per-frame 1 --sparsity-scale Infinity| sparsity scale must be a number above 0, got Infinity
          --latent-frames 60000 --patches-per-frame 1 --format png -o x.png| a picture shows at most 20000 latent frames, got 60000
          --latent-frames 60000 --patches-per-frame 1 --key-frame-interval 1| has 3600000000 pairs, at most 2147483647
          --latent-frames 2147483647 --patches-per-frame 1          | a pattern of 2147483647 latent frames needs
          --latent-frames 5 --patches-per-frame 1 --format png -o nowhere/x.png| cannot write nowhere/x.png:
          --model nope --frames 5 --resolution 832x480              | unknown model nope, the nearest is
          --model wan2.1-1.3b --frames 5                            | --model needs --frames and --resolution
          --model wan2.1-1.3b --frames 0 --resolution 832x480       | frames must be at least 1, got 0
          --model wan2.1-1.3b --frames 5 --resolution 832           | a resolution is WIDTHxHEIGHT
          --model wan2.1-1.3b --frames 5 --resolution 8x8           | multiples of 16 pixels: 16x16, got 8x8
          --model wan2.1-1.3b --frames 80 --resolution 832x480      | 77 or 81, got 80
          --model wan2.1-1.3b --frames 81 --resolution 854x480      | 848x480 or 864x480, got 854x480
          --frames 5                                                | --frames and --resolution need --model
          --cases nowhere.jsonl                                     | nowhere.jsonl: cannot be read: no such file
          """)
  void badInputIsOneLineAndCodeTwo(String arguments, String message) {
    Run run = Run.lvsa((Object[]) ("pattern " + arguments).split(" +"));
    assertEquals(2, run.code());
    String first = run.err().lines().findFirst().orElseThrow();
    assertTrue(first.startsWith("lvsa: ") && first.contains(message), run.err());
    assertTrue(run.err().lines().count() <= 2, run.err());
    assertEquals("", run.out());
  }

  @Test
  void onlyAPlaceForAFileIsWritten() throws Exception {
    Path empty = Files.createDirectory(directory.resolve("empty"));
    String[] line = "pattern --latent-frames 5 --patches-per-frame 1 --format png -o".split(" ");
    Object[] arguments = Arrays.copyOf(line, line.length + 1, Object[].class);
    for (Path place : List.of(empty, Path.of("/dev/null"))) {
      arguments[line.length] = place;
      Run run = Run.lvsa(arguments);
      assertEquals(2, run.code(), run.err());
      assertTrue(run.err().startsWith("lvsa: cannot write " + place + ": it is a "), run.err());
    }
    assertTrue(Files.isDirectory(empty));
    try (var files = Files.list(directory)) {
      assertEquals(List.of(empty), files.toList());
    }
  }

  /** 50,000 frames with a sparse pattern are no trouble, whatever all pairs would take. */
  @Test
  void aLongSparsePatternIsBuilt() {
    Run run =
        Run.lvsa(
            "pattern", "--latent-frames", 50_000, "--patches-per-frame", 1, "--sparsity-scale", 1);
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().startsWith("{\"keyFrameInterval\":"), run.out().substring(0, 100));
  }

  /** Twice such a window is no int. */
  @ParameterizedTest
  @ValueSource(ints = {1 << 30, Integer.MAX_VALUE})
  void aWindowOfAnyLengthIsCountedRight(int window) {
    String line =
        "pattern --latent-frames 60 --patches-per-frame 1 --reference-frames 5"
            + " --key-frame-interval 9 --window ";
    Run run = Run.lvsa((Object[]) (line + window).split(" "));
    assertEquals(0, run.code(), run.err());
    Run whole = Run.lvsa((Object[]) (line + 60).split(" "));
    assertEquals(whole.out(), run.out());
    assertTrue(run.out().contains("\"density\":1.0"), run.out());
    String guards = line.replace("reference-frames 5", "world 4") + window;
    Run ranks = Run.lvsa((Object[]) guards.split(" "));
    assertEquals(0, ranks.code(), ranks.err());
    Run model =
        Run.lvsa(
            "pattern",
            "--model",
            "wan2.1-1.3b",
            "--frames",
            161,
            "--resolution",
            "832x480",
            "--window",
            window);
    assertTrue(model.out().contains("\"density\":0."), "the window shrinks to half the horizon");
  }

  @Test
  void casesThatAreNotStrictJsonAreRefusedWithTheirPlace() throws Exception {
    Path file = directory.resolve("cases.jsonl");
    Files.write(file, new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'});
    Run run = Run.lvsa("pattern", "--cases", file);
    assertEquals(2, run.code());
    assertTrue(run.err().contains(file + ", line 1, column 3: not UTF-8 text"), run.err());
    for (String line : List.of("{\"window\":1,\"window\":2}", "{} {}", "[1]", "7", "\"\\ud800\"")) {
      Files.writeString(file, "\n" + line + "\n");
      run = Run.lvsa("pattern", "--cases", file);
      assertEquals(2, run.code(), line);
      assertTrue(run.err().startsWith("lvsa: " + file + ", line 2"), run.err());
      assertEquals(1, run.err().lines().count(), run.err());
    }
  }

  @Test
  void aBadCaseIsNamedByItsLine() throws Exception {
    Path file =
        Files.write(directory.resolve("bad.jsonl"), List.of(Golden.patterns().getFirst(), "{]"));
    Run run = Run.lvsa("pattern", "--cases", file);
    assertEquals(2, run.code());
    assertTrue(run.err().contains("bad.jsonl, line 2, column 2: not valid JSON"), run.err());
    Files.write(file, List.of("{\"latentFrames\": 2.5}"));
    assertTrue(
        Run.lvsa("pattern", "--cases", file)
            .err()
            .contains(", line 1: latentFrames must be a whole number, got 2.5"));
  }
}
