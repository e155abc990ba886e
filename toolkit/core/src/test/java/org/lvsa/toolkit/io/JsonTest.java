// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonTest {
  @TempDir private Path directory;

  record Point(int x, String name) {}

  @Test
  void whatIsStrictJsonIsRead() throws IOException {
    Path file = directory.resolve("größe.json");
    Files.writeString(file, "{\"x\": 3, \"name\": \"größe \\ud83d\\ude00\"}\n");
    JsonNode node = Json.read(file);
    assertEquals("größe 😀", node.get("name").textValue());
    assertEquals(new Point(3, "größe 😀"), Json.read(file, Point.class));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"a":1,⏎ "a":2}      | X, line 2, column 5: not valid JSON: Duplicate field 'a'
          {"a":1} {"b":2}      | X, line 1, column 9: not valid JSON: text after the end of the value
          {"a":1} x            | X, line 1, column 9: not valid JSON: Unrecognized token 'x'
          {"a":⏎⏎              | X, line 3, column 1: not valid JSON: Unexpected end-of-input
          ``                   | X, line 1, column 1: nothing there
          {'a':1}              | X, line 1, column 2: not valid JSON: Unexpected character (''' (code 39))
          ["é",⏎"\\ud800"]      | X, line 2, column 1: half of a surrogate pair in \\ud800
          {"\\uDC00":1}         | X, line 1, column 9: not valid JSON: Unexpected low surrogate
          [1,⏎NaN]             | X, line 2, column 4: not valid JSON: Non-standard token 'NaN'
          """)
  void whatIsNotIsRefusedWithItsPlace(String text, String message) {
    String json = text.replace('⏎', '\n').replace("\\\\", "\\");
    MalformedFileException refused =
        assertThrows(MalformedFileException.class, () -> Json.parse(json, "X"));
    assertTrue(
        refused.getMessage().startsWith(message.replace("\\\\", "\\")), refused.getMessage());
    assertEquals(1, refused.getMessage().lines().count());
    assertTrue(!refused.getMessage().contains("Source"), refused.getMessage());
  }

  @Test
  void aLineOfALongerFileHasItsOwnNumber() {
    MalformedFileException refused =
        assertThrows(MalformedFileException.class, () -> Json.parse("{\"a\"}", "cases.jsonl", 17));
    assertTrue(
        refused.getMessage().startsWith("cases.jsonl, line 17, column 5: "), refused.getMessage());
    refused = assertThrows(MalformedFileException.class, () -> Json.parse("{]", "cases.jsonl", 17));
    assertEquals(
        "cases.jsonl, line 17, column 2: not valid JSON: Unexpected close marker ']': expected '}'",
        refused.getMessage());
  }

  @Test
  void bytesThatAreNoUtf8AreNamedWithTheirPlace() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.write("{\"ä\":\n \"b".getBytes(StandardCharsets.UTF_8));
    bytes.write(0xff);
    bytes.write('"');
    Path file = Files.write(directory.resolve("bad.json"), bytes.toByteArray());
    MalformedFileException refused =
        assertThrows(MalformedFileException.class, () -> Json.read(file));
    assertEquals(file + ", line 2, column 4: not UTF-8 text (bytes ff)", refused.getMessage());
  }

  @Test
  void aMessageDoesNotRepeatAHugeInput() {
    String huge = "{\"" + "k".repeat(40_000) + "\":1,\"" + "k".repeat(40_000) + "\":2}";
    MalformedFileException refused =
        assertThrows(MalformedFileException.class, () -> Json.parse(huge, "X"));
    assertTrue(refused.getMessage().length() < 400, refused.getMessage().length() + " characters");
    String deep = "[".repeat(1_000_000);
    assertThrows(MalformedFileException.class, () -> Json.parse(deep, "X"));
  }

  @Test
  void aFieldThatDoesNotFitARecordIsNamed() throws IOException {
    Path file = directory.resolve("point.json");
    Files.writeString(file, "{\"x\": \"three\"}");
    MalformedFileException refused =
        assertThrows(MalformedFileException.class, () -> Json.read(file, Point.class));
    assertTrue(refused.getMessage().startsWith(file + ": x: "), refused.getMessage());
    Files.writeString(file, "{\"x\": 3, \"y\": 4}");
    refused = assertThrows(MalformedFileException.class, () -> Json.read(file, Point.class));
    assertTrue(refused.getMessage().contains("y"), refused.getMessage());
    Files.writeString(file, "null");
    assertThrows(MalformedFileException.class, () -> Json.read(file, Point.class));
  }

  @Test
  void aMissingFileAndADirectoryAreNamed() {
    Path missing = directory.resolve("none.json");
    assertEquals(
        missing + ": cannot be read: no such file or directory",
        assertThrows(MalformedFileException.class, () -> Json.read(missing)).getMessage());
    assertEquals(
        directory + ": not a regular file",
        assertThrows(MalformedFileException.class, () -> Json.read(directory)).getMessage());
  }
}
