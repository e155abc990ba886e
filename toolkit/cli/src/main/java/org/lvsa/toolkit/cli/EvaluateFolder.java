// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.lvsa.toolkit.evaluate.Evaluation;
import org.lvsa.toolkit.evaluate.EvaluationCsv;
import org.lvsa.toolkit.evaluate.EvaluationJson;
import org.lvsa.toolkit.evaluate.VideoList;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.OutputFile;

/**
 * The folder of {@code evaluate -o}: a JSON file and a page per video, written as soon as it is
 * judged, so that an interrupted run can go on; at the end {@code results.csv} and {@code
 * report.html} of all.
 */
final class EvaluateFolder {
  private static final String SETTINGS = "settings.json";

  private final Path folder;
  private final Map<Path, String> names = new HashMap<>();
  private final Set<String> taken = new HashSet<>();

  private EvaluateFolder(Path folder) {
    this.folder = folder;
  }

  /**
   * Makes the folder, or goes on in it.
   *
   * @param identity all that decides the results
   * @throws IllegalArgumentException if it holds results and {@code resume} is not given, or
   *     results of other settings
   */
  static EvaluateFolder open(Path folder, ObjectNode identity, boolean resume) throws IOException {
    Path settings = folder.resolve(SETTINGS);
    if (Files.exists(settings)) {
      if (!resume) {
        throw new IllegalArgumentException(
            folder + " holds results already: go on with --resume, or name another folder");
      }
      JsonNode before = Json.read(settings);
      JsonNode now = Json.parse(identity.toString(), SETTINGS);
      if (!before.equals(now)) {
        throw new IllegalArgumentException(
            folder + " holds results of other settings, see " + settings + "; name another folder");
      }
    } else {
      Path parent = folder.toAbsolutePath().normalize().getParent();
      if (Files.exists(folder) && !Files.isDirectory(folder)
          || parent != null && !Files.isDirectory(parent)) {
        throw new IllegalArgumentException("cannot write " + folder + ": it is not a directory");
      }
      Files.createDirectories(folder);
      write(settings, identity.toPrettyString());
    }
    return new EvaluateFolder(folder);
  }

  private static void write(Path file, String text) throws IOException {
    OutputFile.write(file, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** A name of its own for each video: its file's name without the ending. */
  private String name(VideoList.Entry entry) {
    return names.computeIfAbsent(
        entry.file(),
        file -> {
          String stem = file.getFileName().toString().replaceFirst("\\.[^.]*$", "");
          String name = stem;
          for (int i = 2; !taken.add(name); i++) {
            name = stem + "_" + i;
          }
          return name;
        });
  }

  /** The result of an earlier run, if the video has not changed since. */
  Optional<JsonNode> known(VideoList.Entry entry) {
    Path file = folder.resolve(name(entry) + ".json");
    try {
      if (!Files.isRegularFile(file)
          || !Files.isRegularFile(entry.file())
          || Files.getLastModifiedTime(file).compareTo(Files.getLastModifiedTime(entry.file()))
              < 0) {
        return Optional.empty();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    JsonNode json = Json.parseWithNonNumbers(Json.text(file), file.toString());
    boolean same = json.path("video_path").asText().equals(entry.file().toString());
    return same ? Optional.of(json) : Optional.empty();
  }

  /** Writes the page and then the JSON of a video. */
  void write(VideoList.Entry entry, Evaluation evaluation, JsonNode json) throws IOException {
    String name = name(entry);
    write(folder.resolve(name + ".html"), EvaluateReport.of(evaluation, json));
    write(folder.resolve(name + ".json"), EvaluationJson.text(json) + "\n");
  }

  /** Writes what is about all videos. */
  void finish(List<JsonNode> results) throws IOException {
    write(folder.resolve("results.csv"), EvaluationCsv.of(results));
    write(folder.resolve("report.html"), EvaluateOverview.of(results));
  }
}
