// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/** Vectors computed by the published Python implementation. */
public final class Golden {
  private static final List<String> SHIPPED = List.of("tiny", "peaked", "text_ragged");

  private Golden() {}

  /** The pattern cases, a JSON object each. */
  public static List<String> patterns() throws IOException {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(resource("pattern.jsonl.gz"), StandardCharsets.UTF_8))) {
      return lines.lines().toList();
    }
  }

  /**
   * The attention files: all nine where they lie beside the checkout, else the three that are part
   * of it (the rest would be 10 MB), unpacked to {@code directory}.
   */
  public static List<Path> attention(Path directory) throws IOException {
    Path shared = Path.of("../../../shared/golden/attention");
    if (Files.isDirectory(shared)) {
      try (Stream<Path> files = Files.list(shared)) {
        return files.sorted().toList();
      }
    }
    for (String name : SHIPPED) {
      try (InputStream in = resource(name + ".safetensors.gz")) {
        Files.copy(in, directory.resolve(name + ".safetensors"));
      }
    }
    return SHIPPED.stream().map(name -> directory.resolve(name + ".safetensors")).toList();
  }

  /** One of the files that are part of the checkout. */
  public static Path shipped(String name, Path directory) throws IOException {
    Path file = directory.resolve(name + ".safetensors");
    try (InputStream in = resource(name + ".safetensors.gz")) {
      Files.copy(in, file);
    }
    return file;
  }

  private static InputStream resource(String name) throws IOException {
    return new GZIPInputStream(Golden.class.getResourceAsStream("/golden/" + name));
  }
}
