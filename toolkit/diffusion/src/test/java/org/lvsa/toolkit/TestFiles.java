// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files that tests change. */
public final class TestFiles {
  private TestFiles() {}

  /** Replaces a text that has to be in a file. */
  public static void replace(Path file, String from, String to) throws IOException {
    String text = Files.readString(file);
    assertTrue(text.contains(from), () -> file + " has no " + from + ": " + text);
    Files.writeString(file, text.replace(from, to));
  }
}
