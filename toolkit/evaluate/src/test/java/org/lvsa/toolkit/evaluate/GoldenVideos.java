// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.lvsa.toolkit.io.Json;

/** Results of the published quality tool, and the videos of which they are. */
final class GoldenVideos {
  private static final Path SHARED = Path.of("../../../shared/golden/vqeval");
  private static final Path REAL = Path.of("../../../shared/video");
  private static final Path SHIPPED = Path.of("src/test/resources/golden/vqeval");
  private static final List<String> NO_VIDEOS =
      List.of("index.json", "formulas.json", "sensitivity.json", "conditioning.json");

  private GoldenVideos() {}

  /**
   * A video and what the published tool says of it.
   *
   * @param name of the results
   * @param results every number
   * @param video the file
   */
  record Case(String name, JsonNode results, Path video) {
    @Override
    public String toString() {
      return name;
    }
  }

  /** Those that are part of the checkout. */
  static Stream<Case> shipped() throws IOException {
    return cases(SHIPPED);
  }

  /** All of them; none where they do not lie beside the checkout. */
  static Stream<Case> all() throws IOException {
    return isShared() ? cases(SHARED) : Stream.empty();
  }

  /** Whether all of them lie beside the checkout. */
  static boolean isShared() {
    return Files.isDirectory(SHARED) && Files.isDirectory(REAL);
  }

  private static Stream<Case> cases(Path folder) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.list(folder)) {
      files =
          all.filter(file -> file.toString().matches(".*\\.json(\\.gz)?"))
              .filter(file -> !NO_VIDEOS.contains(name(file) + ".json"))
              .sorted()
              .toList();
    }
    return files.stream()
        .map(
            file -> {
              JsonNode results = read(file);
              return new Case(name(file), results, video(results.get("video").textValue()));
            });
  }

  /** The results of the published tool's functions on given numbers. */
  static JsonNode formulas() {
    return read(SHIPPED.resolve("formulas.json.gz"));
  }

  /** One of the videos that are part of the checkout. */
  static Path shipped(String name) {
    return SHIPPED.resolve(name);
  }

  private static String name(Path file) {
    return file.getFileName().toString().replaceAll("\\.json(\\.gz)?$", "");
  }

  private static Path video(String name) {
    return Stream.of(SHARED.resolve("videos"), REAL, SHIPPED)
        .map(folder -> folder.resolve(name))
        .filter(Files::exists)
        .findFirst()
        .orElseThrow(() -> new IllegalStateException(name + " is nowhere"));
  }

  private static JsonNode read(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes =
          file.toString().endsWith(".gz")
              ? new GZIPInputStream(in).readAllBytes()
              : in.readAllBytes();
      return Json.parse(Json.text(bytes, file.toString()), file.toString());
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }
}
