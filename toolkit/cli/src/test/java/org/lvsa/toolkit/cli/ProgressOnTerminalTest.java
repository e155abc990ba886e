// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.ChildJvm;

/**
 * What a user sees on a terminal: bars. A JVM of its own runs behind a pseudo-terminal, which
 * {@code script} of util-linux gives it.
 */
@Tag("full")
class ProgressOnTerminalTest {
  @TempDir private Path directory;

  @Test
  void stepsAndFramesAreBarsAndNoLines() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/script")), "skipped: no script here");
    Path model = GoldenRun.wanModel(directory);
    List<String> words =
        List.of(
            "generate",
            "--model",
            model.toString(),
            "--prompt",
            "A cat",
            "--steps",
            "3",
            "--frames",
            "9",
            "--resolution",
            "48x32",
            "-o",
            directory.resolve("out.mp4").toString());
    String command =
        ChildJvm.command(Lvsa.class.getName(), words).stream()
            .map(word -> "'" + word.replace("'", "'\\''") + "'")
            .collect(Collectors.joining(" "));
    Path log = directory.resolve("terminal.log");
    Process process =
        new ProcessBuilder("/usr/bin/script", "-q", "-e", "-c", command, log.toString())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("out.log").toFile())
            .start();
    try {
      process.getOutputStream().close();
      assertTrue(process.waitFor(120, TimeUnit.SECONDS));
      String seen = Files.readString(log);
      assertEquals(0, process.exitValue(), seen);
      for (String task : new String[] {"denoising", "decoding"}) {
        assertTrue(seen.lines().anyMatch(line -> line.matches(".*" + task + " +100% .*")), seen);
      }
      assertTrue(seen.contains("3/3") && seen.contains("9/9"), seen);
      assertFalse(seen.contains("step 1/3"), seen);
    } finally {
      process.destroyForcibly().waitFor();
    }
  }
}
