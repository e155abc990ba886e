// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.lvsa.toolkit.blockpattern.GridInputs;
import org.lvsa.toolkit.blockpattern.HeadCases;
import org.lvsa.toolkit.blockpattern.StaticCases;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.tensor.Safetensors;

/**
 * Documents with cases of sparse patterns: one JSON object with {@code method}, the pattern's name,
 * and {@code cases}, a list of objects with the pattern's parameters. Each case is answered by one
 * line. A file with one case of LVSA's pattern per line is no such document.
 *
 * @param text the file's text, unpacked if it was packed with gzip
 * @param file where the text came from, for messages
 */
record MaskCases(String text, Path file) {
  /** Unpacked documents are at most this large; the largest published one has 1.5 MB. */
  private static final int LARGEST = 1 << 28;

  /**
   * Reads a file, which may be packed with gzip.
   *
   * @throws MalformedFileException if it is missing, unreadable, or no UTF-8 text
   */
  static MaskCases read(Path file) {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new MalformedFileException(file + ": not a regular file");
    }
    try {
      byte[] bytes = Files.readAllBytes(file);
      boolean packed = bytes.length > 1 && bytes[0] == 0x1f && bytes[1] == (byte) 0x8b;
      return new MaskCases(
          Json.text(packed ? unpacked(bytes, file) : bytes, file.toString()), file);
    } catch (IOException e) {
      throw new MalformedFileException(file + ": cannot be read: " + Messages.reason(e), e);
    }
  }

  private static byte[] unpacked(byte[] packed, Path file) throws IOException {
    try (InputStream in = new GZIPInputStream(new ByteArrayInputStream(packed))) {
      byte[] bytes = in.readNBytes(LARGEST + 1);
      if (bytes.length > LARGEST) {
        throw new MalformedFileException(file + ": more than " + LARGEST + " bytes when unpacked");
      }
      return bytes;
    }
  }

  /** Whether the text is one object with {@code method} or {@code cases}. */
  boolean isDocument() {
    String name = file.getFileName().toString();
    if (name.endsWith(".json") || name.endsWith(".json.gz")) {
      return true;
    }
    return text.lines()
        .filter(line -> !line.isBlank())
        .findFirst()
        .map(line -> line.contains("\"cases\"") || line.strip().equals("{"))
        .orElse(false);
  }

  /**
   * Prints one answer per case and line, in order.
   *
   * @param inputs a safetensors file with the inputs of data-dependent patterns
   * @throws MalformedFileException naming the case and what is wrong with it
   */
  void print(Optional<Path> inputs, PrintWriter out) {
    JsonNode document = Json.parseWithNonNumbers(text, file.toString());
    JsonNode cases = document.path("cases");
    if (!document.path("method").isTextual() || !cases.isArray()) {
      throw new MalformedFileException(
          file + ": an object with method, a text, and cases, a list, was expected");
    }
    String method = document.get("method").textValue();
    if (StaticCases.has(method)) {
      for (int i = 0; i < cases.size(); i++) {
        out.println(answer(cases.get(i), i, one -> StaticCases.answer(method, one)));
      }
    } else if (HeadCases.has(method)) {
      Path path =
          inputs.orElseThrow(
              () ->
                  new IllegalArgumentException(
                      file
                          + ": "
                          + method
                          + " looks at queries and keys, give them by --inputs FILE.safetensors"));
      try (Arena arena = Arena.ofShared()) {
        GridInputs grids = new GridInputs(Safetensors.open(path, arena));
        for (int i = 0; i < cases.size(); i++) {
          out.println(answer(cases.get(i), i, one -> HeadCases.answer(method, one, grids)));
        }
      }
    } else {
      throw new MalformedFileException(file + ": " + Messages.unknown("method", method, methods()));
    }
    out.flush();
  }

  private static List<String> methods() {
    return Stream.concat(StaticCases.METHODS.stream(), HeadCases.METHODS.stream()).toList();
  }

  private interface Answer {
    ObjectNode to(JsonNode one);
  }

  private ObjectNode answer(JsonNode one, int number, Answer answer) {
    try {
      if (!one.isObject()) {
        throw new IllegalArgumentException("an object was expected, got " + Messages.cut(one));
      }
      return answer.to(one);
    } catch (IllegalArgumentException e) {
      String id =
          one.path("id").isTextual() ? " (" + Messages.cut(one.get("id").asText()) + ")" : "";
      throw new MalformedFileException(
          file + ": case " + (number + 1) + id + ": " + e.getMessage(), e);
    }
  }
}
