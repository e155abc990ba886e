// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.cpu.TileTrial.Candidate;
import org.lvsa.kernels.cpu.TileTrial.Choice;

class KeptTileTest {
  private static final List<Candidate> CANDIDATES = TileTrial.FOR_FEW_REGISTERS;
  private static final Candidate SECOND = CANDIDATES.get(1);

  @TempDir private Path folder;
  private int trials;

  private Candidate choose(Path file, boolean compiled) {
    return new KeptTile(Optional.of(file))
        .choose(
            CANDIDATES,
            () -> {
              trials++;
              return new Choice(SECOND, compiled);
            });
  }

  @Test
  void aSecondProcessTakesWhatTheFirstChose() throws IOException {
    Path file = folder.resolve("new/folder/tile");
    assertSame(SECOND, choose(file, true));
    assertEquals("3x3\n", Files.readString(file));
    assertSame(SECOND, choose(file, true));
    assertEquals(1, trials);
    Files.writeString(file, "6x2\n");
    assertSame(CANDIDATES.getFirst(), choose(file, true));
    assertEquals(1, trials);
    try (Stream<Path> all = Files.list(file.getParent())) {
      assertEquals(List.of(file), all.toList());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "8x2", "4x2", "6x2 3x3", "\0\0\0"})
  void aFileThatNamesNoCandidateIsReplaced(String text) throws IOException {
    Path file = Files.writeString(folder.resolve("tile"), text);
    assertSame(SECOND, choose(file, true));
    assertEquals(1, trials);
    assertEquals("3x3\n", Files.readString(file));
  }

  @Test
  void bytesThatAreNoTextCostATrial() throws IOException {
    Path file = Files.write(folder.resolve("tile"), new byte[] {(byte) 0xff, (byte) 0xfe});
    assertSame(SECOND, choose(file, true));
    assertEquals("3x3\n", Files.readString(file));
  }

  /** On a machine full of other work the compiler may come too late: its times say little. */
  @Test
  void aTrialOfTilesThatAreNotCompiledIsNotKept() {
    Path file = folder.resolve("tile");
    assertSame(SECOND, choose(file, false));
    assertFalse(Files.exists(file));
  }

  @Test
  void whereNothingCanBeWrittenATrialChooses() throws IOException {
    Path noFolder = Files.writeString(folder.resolve("file"), "");
    assertSame(SECOND, choose(noFolder.resolve("tile"), true));
    assertSame(SECOND, new KeptTile(Optional.empty()).choose(CANDIDATES, () -> choice()));
    assertEquals("", Files.readString(noFolder));
  }

  private static Choice choice() {
    return new Choice(SECOND, true);
  }

  @Test
  void processorsWithOneNameAreToldApartByTheirModel() throws IOException {
    String zen4 = processor("25", "17");
    assertEquals("AuthenticAMD-25-17-AMD EPYC-1", zen4);
    assertNotEquals(zen4, processor("26", "2"));
    assertEquals(
        "tile-AuthenticAMD-25-17-AMD_EPYC-1-java-25.0.1+8-256",
        KeptTile.name(zen4, "25.0.1+8", 256));
    assertEquals(
        "tile-a_.._b-java-25-128", KeptTile.name("a/../b", "25", 128), "stays in its folder");
  }

  private String processor(String family, String model) throws IOException {
    Path cpuinfo = folder.resolve("cpuinfo");
    String first =
        """
        processor\t: 0
        vendor_id\t: AuthenticAMD
        cpu family\t: %s
        model\t\t: %s
        model name\t: AMD EPYC
        stepping\t: 1
        cpu MHz\t\t: 2596.1
        flags\t\t: fpu avx2
        """
            .formatted(family, model);
    Files.writeString(cpuinfo, first + "\n" + first.replace("AMD EPYC", "another"));
    return KeptTile.processor(cpuinfo).orElseThrow();
  }

  @Test
  void aSystemThatDoesNotTellItsProcessorKeepsNothing() throws IOException {
    assertEquals(Optional.empty(), KeptTile.processor(folder.resolve("missing")));
    Path other = Files.writeString(folder.resolve("cpuinfo"), "Features : neon\n");
    assertEquals(Optional.empty(), KeptTile.processor(other));
  }

  @Test
  void theFolderIsTheUsersCache() {
    Optional<Path> asked = Optional.of(Path.of("/c/lvsa"));
    assertEquals(asked, KeptTile.cacheFolder(Map.of("XDG_CACHE_HOME", "/c"), "/h"));
    assertEquals(asked, KeptTile.cacheFolder(Map.of("XDG_CACHE_HOME", "/c"), "?"));
    Optional<Path> home = Optional.of(Path.of("/h/.cache/lvsa"));
    assertEquals(home, KeptTile.cacheFolder(Map.of("XDG_CACHE_HOME", "relative"), "/h"));
    assertEquals(home, KeptTile.cacheFolder(Map.of(), "/h"));
    assertEquals(Optional.empty(), KeptTile.cacheFolder(Map.of(), "?"));
  }
}
