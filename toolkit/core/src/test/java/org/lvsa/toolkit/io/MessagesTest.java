// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;

class MessagesTest {

  @Test
  void aLongValueIsCutAndItsLengthNamed() {
    assertEquals("short", Messages.cut("short"));
    assertEquals("x".repeat(200), Messages.cut("x".repeat(200)));
    assertEquals("x".repeat(200) + "… (100000 characters)", Messages.cut("x".repeat(100_000)));
  }

  @Test
  void aCharacterOfTwoHalvesIsNotCutInTwo() {
    String cut = Messages.cut("x".repeat(199) + "\ud83d\ude00".repeat(10));
    assertTrue(cut.startsWith("x".repeat(199) + "…"), cut);
  }

  @Test
  void aMessageIsOneLineWithoutControlCharacters() {
    assertEquals("a b \\u001b[31m c", Messages.oneLine("  a\r\n  b\t\u001b[31m\n\nc\n"));
    assertEquals("half \\ud800", Messages.oneLine("half \ud800"));
  }

  @Test
  void theNearestNameComesFirst() {
    List<String> models = List.of("wan2.1-1.3b", "hunyuanvideo-1.5", "cogvideox-5b");
    assertEquals("hunyuanvideo-1.5", Messages.nearest("hunyuanvideo", models).getFirst());
    assertEquals("cogvideox-5b", Messages.nearest("COGVIDEO-5B", models).getFirst());
    assertEquals(
        "unknown model wan2.1-13b, the nearest is wan2.1-1.3b;"
            + " known are wan2.1-1.3b, cogvideox-5b, hunyuanvideo-1.5",
        Messages.unknown("model", "wan2.1-13b", models));
    String huge = Messages.unknown("model", "y".repeat(100_000), models);
    assertTrue(huge.length() < 500, huge.length() + " characters");
  }

  @Test
  void aReasonIsWordsAndNeverThePathAlone() {
    Path missing = Path.of("/no/such/file");
    IOException nio = Assertions.assertThrows(IOException.class, () -> Files.readAllBytes(missing));
    assertEquals("no such file or directory", Messages.reason(nio));
    IOException old =
        Assertions.assertThrows(
            IOException.class, () -> new FileInputStream(missing.toFile()).close());
    assertEquals("No such file or directory", Messages.reason(old));
    assertEquals(
        "Is a directory", Messages.reason(new FileSystemException("/x", null, "Is a directory")));
    assertEquals(
        "No space left on device", Messages.reason(new IOException("No space left on device")));
    assertEquals("IOException", Messages.reason(new IOException()));
  }
}
