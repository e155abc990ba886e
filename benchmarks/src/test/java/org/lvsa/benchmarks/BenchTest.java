// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.io.ChildProcess;

class BenchTest {
  @TempDir private Path directory;

  private static String refused(String... arguments) throws IOException {
    PrintStream before = System.err;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try {
      assertEquals(2, Bench.run(List.of(arguments)));
    } finally {
      System.setErr(before);
    }
    String said = bytes.toString(StandardCharsets.UTF_8);
    assertEquals(1, said.lines().count(), said);
    return said;
  }

  @Test
  void badOptionsAreOneLineBeforeAnythingIsMeasured() throws IOException {
    assertTrue(refused("--bogus").contains("bogus"));
    Path nowhere = directory.resolve("none/x.json");
    assertTrue(refused("-rff", nowhere.toString()).contains("cannot write " + nowhere));
    assertTrue(refused("-f", "many").contains("many"));
    assertFalse(Files.exists(directory.resolve("none")));
  }

  @Test
  void outputThatCannotBeWrittenIsFailure() throws IOException {
    assumeTrue(Files.exists(Path.of("/dev/full")), "there is no /dev/full");
    String java =
        String.format(
            Locale.ROOT,
            "%s/bin/java -cp '%s' %s --help >/dev/full",
            System.getProperty("java.home"),
            System.getProperty("java.class.path"),
            Bench.class.getName());
    ChildProcess.Result full = ChildProcess.run(Duration.ofSeconds(60), "sh", "-c", java);
    assertEquals(1, full.exitCode(), full.errors());
    assertTrue(full.errors().contains("cannot write to standard output"), full.errors());
  }

  @Test
  void theHelpOfPeersIsItsOwn() throws IOException {
    PrintStream before = System.out;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try {
      assertEquals(0, Bench.run(List.of("--peers", "--help")));
    } finally {
      System.setOut(before);
    }
    String said = bytes.toString(StandardCharsets.UTF_8);
    assertTrue(said.contains("--least-busy"), said);
  }

  @Test
  void comparingTakesTwoResults() throws IOException {
    assertTrue(refused("--compare", "one.json").contains("takes two JMH results, got 1"));
    assertTrue(refused("--compare", "one.json", "two.json").contains("no JMH result one.json"));
    Path text = Files.writeString(directory.resolve("x.json"), "{");
    assertTrue(refused("--compare", text.toString(), text.toString()).contains("line 1, column"));
  }
}
