// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.ChildJvm;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.ResultsFile;

/** Ctrl-C in the middle of long work, and {@code --resume} after it. */
@Tag("full")
class InterruptTest {
  @TempDir private Path directory;

  private Process start(List<?> words, String log) throws Exception {
    List<String> command = ChildJvm.command(Lvsa.class.getName(), List.of());
    words.forEach(word -> command.add(word.toString()));
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(new File(directory.toFile(), log))
        .start();
  }

  /** Starts a command, sends it SIGINT as soon as it has saved something, and waits for its end. */
  private void interrupt(List<?> words, Callable<Boolean> saved) throws Exception {
    Process process = start(words, "interrupted.log");
    try {
      Path status = Path.of("/proc/" + process.pid() + "/status");
      assumeTrue(Files.isReadable(status), "no /proc here");
      while (process.isAlive() && !saved.call()) {
        process.waitFor(5, TimeUnit.MILLISECONDS);
      }
      String log = Files.readString(directory.resolve("interrupted.log"));
      assertTrue(process.isAlive(), "ended before it was interrupted: " + log);
      // A shell that starts a build in the background makes all of it ignore SIGINT.
      String ignored =
          Files.readAllLines(status).stream()
              .filter(line -> line.startsWith("SigIgn:"))
              .map(line -> line.substring("SigIgn:".length()).strip())
              .findFirst()
              .orElseThrow();
      assumeTrue(
          (Long.parseUnsignedLong(ignored, 16) & 1L << 1) == 0, "SIGINT is ignored in this build");
      assertEquals(
          0, new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor());
      assertTrue(process.waitFor(60, TimeUnit.SECONDS), "SIGINT ends the command");
      assertNotEquals(0, process.exitValue());
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  private void run(List<?> words) throws Exception {
    Process process = start(words, "whole.log");
    try {
      assertTrue(process.waitFor(300, TimeUnit.SECONDS));
      assertEquals(
          0, process.exitValue(), () -> "see " + directory.resolve("whole.log") + " of " + words);
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  private static List<Object> with(List<?> words, Object... more) {
    List<Object> all = new ArrayList<>(words);
    all.addAll(List.of(more));
    return all;
  }

  @Test
  void aGenerationGoesOnToTheSameLatents() throws Exception {
    List<Object> words =
        List.of(
            "generate",
            "--model",
            GoldenRun.wanModel(directory),
            "--prompt",
            "A cat",
            "--steps",
            80,
            "--frames",
            33,
            "--resolution",
            "64x64",
            "--attention",
            "vsa:cube=3x2x2,sparsity=0.7,dense_steps=10%");
    Path out = directory.resolve("out.safetensors");
    Path state = directory.resolve("out.resume.safetensors");
    interrupt(with(words, "--save-every", 1, "-o", out), () -> Files.exists(state));
    assertTrue(Files.exists(state), "the state of the last saved step is kept");
    assertFalse(Files.exists(out), "nothing half-written");
    run(with(words, "--save-every", 1, "--resume", "-o", out));
    assertFalse(Files.exists(state));
    Path whole = directory.resolve("whole.safetensors");
    run(with(words, "--save-every", 80, "-o", whole));
    assertEquals(
        List.of(),
        GeneratePatternTest.differences(out, whole),
        "the resumed run gives the same latents");
  }

  @Test
  void aSweepKeepsItsFinishedCells() throws Exception {
    Path csv = directory.resolve("out/results.csv");
    List<Object> words =
        List.of(
            "sweep",
            "--latent-frames",
            "15,18,21,24,27,30,33,36,39,42",
            "--patches-per-frame",
            60,
            "--heads",
            1,
            "--backends",
            "vector",
            "--sparsity-scales",
            "0.5,1.0",
            "--reps",
            1,
            "--max-seconds",
            1,
            "-o",
            directory.resolve("out"));
    interrupt(words, () -> Files.exists(csv) && Files.readAllLines(csv).size() >= 3);
    List<ResultRow> kept = ResultsFile.read(csv);
    assertTrue(kept.size() >= 2 && kept.size() < 20, kept.size() + " cells were done");
    run(with(words, "--resume"));
    List<ResultRow> all = ResultsFile.read(csv);
    assertEquals(20, all.size());
    assertEquals(kept, all.subList(0, kept.size()));
  }
}
