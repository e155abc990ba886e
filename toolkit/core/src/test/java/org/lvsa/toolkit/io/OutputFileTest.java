// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputFileTest {
  @TempDir private Path directory;

  private List<String> names(Path of) throws IOException {
    try (Stream<Path> files = Files.list(of)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static OutputFile.StreamBody text(String text) {
    return out -> out.write(text.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void aFileAppearsWholeAndReplacesTheOldOne() throws IOException {
    Path file = directory.resolve("out.txt");
    OutputFile.write(file, text("one"));
    assertEquals("one", Files.readString(file));
    OutputFile.write(
        file,
        out -> {
          out.write("two".repeat(10_000).getBytes(StandardCharsets.UTF_8));
          assertEquals("one", Files.readString(file));
        });
    assertEquals("two".repeat(10_000), Files.readString(file));
    assertEquals(List.of("out.txt"), names(directory));
  }

  @Test
  void aFailureLeavesTheOldFileAndNothingElse() throws IOException {
    Path file = directory.resolve("out.png");
    Files.writeString(file, "old");
    IOException failed =
        assertThrows(
            IOException.class,
            () ->
                OutputFile.write(
                    file,
                    out -> {
                      out.write(1);
                      throw new IOException("No space left on device");
                    }));
    assertEquals("cannot write " + file + ": No space left on device", failed.getMessage());
    assertThrows(
        IllegalStateException.class,
        () ->
            OutputFile.writePath(
                file,
                unfinished -> {
                  throw new IllegalStateException();
                }));
    assertEquals("old", Files.readString(file));
    assertEquals(List.of("out.png"), names(directory));
  }

  @Test
  void permissionsAreTheUmasks() throws IOException {
    Path other = Files.createFile(directory.resolve("other"));
    Path file = directory.resolve("out");
    OutputFile.write(file, text("x"));
    // What the umask gives to a plain new file, which is rarely 0600.
    assertEquals(
        PosixFilePermissions.toString(Files.getPosixFilePermissions(other)),
        PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
  }

  @Test
  void aSymbolicLinkStaysAndItsTargetIsWritten() throws IOException {
    Path elsewhere = Files.createDirectory(directory.resolve("elsewhere"));
    Path target = elsewhere.resolve("target.txt");
    Path link =
        Files.createSymbolicLink(directory.resolve("link"), Path.of("elsewhere/target.txt"));
    OutputFile.write(link, text("through"));
    assertTrue(Files.isSymbolicLink(link));
    assertEquals("through", Files.readString(target));
    Path circle = directory.resolve("circle");
    Files.createSymbolicLink(circle, circle);
    assertRefused(circle, "circle");
    Path toDevice = Files.createSymbolicLink(directory.resolve("null"), Path.of("/dev/null"));
    assertRefused(toDevice, "not a regular file");
  }

  @Test
  void onlyRegularFilesAreReplaced() throws IOException {
    assertRefused(directory, "it is a directory");
    Path empty = Files.createDirectory(directory.resolve("empty"));
    assertRefused(empty, "it is a directory");
    assertTrue(Files.isDirectory(empty));
    assertRefused(Path.of("/dev/null"), "not a regular file");
    assertRefused(directory.resolve("no/such/out"), "is not a directory");
    Path fifo = directory.resolve("fifo");
    Assumptions.assumeTrue(
        ChildProcess.run(Duration.ofSeconds(10), "mkfifo", fifo.toString()).succeeded(),
        "mkfifo is not there");
    assertRefused(fifo, "not a regular file");
    assertTrue(Files.exists(fifo));
  }

  private static void assertRefused(Path file, String why) {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> OutputFile.write(file, text("x")));
    assertTrue(refused.getMessage().startsWith("cannot write " + file), refused.getMessage());
    assertTrue(refused.getMessage().contains(why), refused.getMessage());
  }

  @Test
  void aDirectoryOfFilesAppearsAtOnceOrNotAtAll() throws IOException {
    Path plots = directory.resolve("plots");
    assertThrows(
        IOException.class,
        () ->
            OutputFile.writeDirectory(
                plots,
                unfinished -> {
                  Files.writeString(unfinished.resolve("a.png"), "a");
                  throw new IOException("No space left on device");
                }));
    assertEquals(List.of(), names(directory));
    OutputFile.writeDirectory(
        plots, unfinished -> Files.writeString(unfinished.resolve("a.png"), "a"));
    OutputFile.writeDirectory(
        plots,
        unfinished -> {
          Files.writeString(unfinished.resolve("a.png"), "new");
          Files.writeString(unfinished.resolve("b.png"), "b");
        });
    assertEquals(List.of("a.png", "b.png"), names(plots));
    assertEquals("new", Files.readString(plots.resolve("a.png")));
    assertEquals(List.of("plots"), names(directory));
  }

  @Test
  void aNameAsLongAsTheFileSystemAllowsWorks() throws IOException {
    Path file = directory.resolve("n".repeat(251) + ".png");
    OutputFile.writePath(
        file,
        unfinished -> {
          assertTrue(unfinished.toString().endsWith(".png"), unfinished.toString());
          Files.writeString(unfinished, "x");
        });
    assertEquals("x", Files.readString(file));
  }
}
