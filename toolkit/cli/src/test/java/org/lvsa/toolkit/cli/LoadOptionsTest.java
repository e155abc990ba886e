// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.io.Memory;
import picocli.CommandLine;

/** What is read before it is needed, and what is said of it. */
class LoadOptionsTest {
  @TempDir private Path directory;

  /** Zeros that take no space on a disk which leaves out what was never written. */
  private Path file(String name, long mebibytes) throws IOException {
    Path path = directory.resolve(name);
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(mebibytes << 20);
    }
    return path;
  }

  private static String read(List<Path> files, String... arguments) {
    StringWriter err = new StringWriter();
    LoadOptions options = CommandLine.populateCommand(new LoadOptions(), arguments);
    options.check();
    options.read(files, new PrintWriter(err));
    return err.toString().strip();
  }

  @Test
  void largeWeightsAreReadAheadAndThatIsSaid() throws IOException {
    List<Path> shards = List.of(file("part-1.safetensors", 150), file("part-2.safetensors", 131));
    assertEquals("reading 281 MiB of weights", read(shards));
    assertEquals("reading 281 MiB of weights", read(shards, "--load-threads", "1"));
    assertEquals("", read(shards, "--load-threads", "0"));
    assertEquals("", read(shards.subList(0, 1)));
  }

  @Test
  void whatDoesNotFitIsReadWhenItIsNeeded() throws IOException {
    long mebibytes = 1000 + (Memory.available() >> 19);
    String said = read(List.of(file("huge.safetensors", mebibytes)));
    assertTrue(
        said.startsWith(mebibytes + " MiB of weights are read when they are needed: "), said);
  }

  @Test
  void threadsBelowNoneAreRefused() {
    assertEquals(
        "--load-threads must be at least 0, got -1",
        assertThrows(IllegalArgumentException.class, () -> read(List.of(), "--load-threads", "-1"))
            .getMessage());
  }
}
