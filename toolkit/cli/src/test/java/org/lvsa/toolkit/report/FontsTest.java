// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.cli.Lvsa;
import org.lvsa.toolkit.io.ChildJvm;
import org.lvsa.toolkit.io.ChildProcess;

/**
 * What happens on a machine without fonts: in a JVM whose fontconfig knows none. It has a home of
 * its own, because the JDK keeps what fontconfig found in the user's.
 */
class FontsTest {
  @TempDir private Path directory;
  private Path out;

  @BeforeEach
  void onlyOnLinux() throws IOException {
    assumeTrue(
        System.getProperty("os.name").equals("Linux"), "other systems find fonts in other ways");
    out = directory.resolve("out");
    Files.writeString(
        directory.resolve("fonts.conf"), "<?xml version=\"1.0\"?><fontconfig></fontconfig>");
  }

  private ChildProcess.Result withoutFonts(String line) throws IOException {
    List<String> command = ChildJvm.command(Lvsa.class.getName(), List.of(line.split(" ")));
    command.add(1, "-Duser.home=" + directory);
    command.add(
        2,
        "-Dorg.bytedeco.javacpp.cachedir="
            + Path.of(System.getProperty("user.home"), ".javacpp", "cache"));
    return ChildProcess.run(
        Duration.ofMinutes(5),
        Map.of("FONTCONFIG_FILE", directory.resolve("fonts.conf").toString()),
        command);
  }

  @Test
  void aSweepAndItsReportLeaveOutPicturesAndSucceed() throws IOException {
    ChildProcess.Result sweep =
        withoutFonts(
            "sweep --latent-frames 9 --patches-per-frame 6 --window 1 --sparsity-scales 0.5"
                + " --heads 1 --backends reference --reps 1 --max-seconds 0.5 -o "
                + out);
    assertEquals(0, sweep.exitCode(), sweep.errors());
    assertWarnedOnce(sweep);
    assertTrue(sweep.errors().contains("report.html"), sweep.errors());
    assertReport();
    Files.delete(out.resolve("report.html"));
    ChildProcess.Result report = withoutFonts("report " + out);
    assertEquals(0, report.exitCode(), report.errors());
    assertWarnedOnce(report);
    assertReport();
  }

  private void assertReport() throws IOException {
    String page = Files.readString(out.resolve("report.html"));
    assertTrue(page.contains("draw(\"speedup\""), "the page draws its plots itself");
    assertFalse(page.contains("data:image/png"));
    assertTrue(Files.exists(out.resolve("summary.csv")));
    assertFalse(Files.exists(out.resolve("plots")));
  }

  private static void assertWarnedOnce(ChildProcess.Result result) {
    List<String> warnings = new ArrayList<>(result.errors().lines().toList());
    warnings.removeIf(line -> !line.contains("left out"));
    assertEquals(1, warnings.size(), result.errors());
    assertTrue(warnings.getFirst().contains("apt install fontconfig"), warnings.getFirst());
    assertFalse(result.errors().contains("Fontconfig head"), result.errors());
  }

  @Test
  void whoAsksForAPictureAloneIsToldWhatIsMissing() throws IOException {
    Path picture = directory.resolve("mask.png");
    ChildProcess.Result pattern =
        withoutFonts("pattern --latent-frames 9 --patches-per-frame 6 --format png -o " + picture);
    assertEquals(3, pattern.exitCode(), pattern.errors());
    assertTrue(
        pattern.errors().lines().anyMatch(line -> line.contains("apt install fontconfig")),
        pattern.errors());
    assertFalse(Files.exists(picture));
  }
}
