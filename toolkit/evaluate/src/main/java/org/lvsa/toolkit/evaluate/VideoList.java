// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * Videos that are judged in one go.
 *
 * @param entries in order
 * @param skipped what was left out, and why, a line each
 */
public record VideoList(List<Entry> entries, List<String> skipped) {
  private static final List<String> ENDINGS = List.of(".mp4", ".mov", ".webm", ".avi", ".mkv");

  /** Lists are copied. */
  public VideoList {
    entries = List.copyOf(entries);
    skipped = List.copyOf(skipped);
  }

  /**
   * A video.
   *
   * @param file where it is
   * @param prompt of which it was made, if known
   * @param columns what else the list says of it
   */
  public record Entry(Path file, Optional<String> prompt, Map<String, String> columns) {}

  /**
   * How a CSV file names videos.
   *
   * @param video column of the paths, relative to the working directory or to the file's
   * @param prompt column of the prompts, if there is one
   * @param status column by which rows are chosen, where the file has it
   * @param ok what the status of a row that counts is
   */
  public record Columns(String video, Optional<String> prompt, String status, String ok) {}

  /** Whether a file's name ends as the name of a video does. */
  public static boolean isVideo(Path file) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    return ENDINGS.stream().anyMatch(name::endsWith);
  }

  /**
   * The videos of a folder, not of those in it, by name.
   *
   * @param prompt of all of them, if known
   */
  public static VideoList folder(Path folder, Optional<String> prompt) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return new VideoList(
          files
              .filter(file -> isVideo(file) && Files.isRegularFile(file))
              .sorted((a, b) -> a.toString().compareTo(b.toString()))
              .map(file -> new Entry(file, prompt, Map.of()))
              .toList(),
          List.of());
    }
  }

  /**
   * The videos that a CSV file names.
   *
   * @param shared the prompt of rows that have none
   * @param rules whether a file without the columns is refused or, as by the published tool, names
   *     nothing
   * @throws MalformedFileException if it is missing, is no CSV file or lacks a column
   */
  public static VideoList csv(Path file, Columns columns, Optional<String> shared, Rules rules) {
    List<Map<String, String>> rows = rows(file);
    if (rules == Rules.MENDED && !rows.isEmpty()) {
      List<String> wanted = new ArrayList<>(List.of(columns.video()));
      columns.prompt().ifPresent(wanted::add);
      for (String name : wanted) {
        if (!rows.getFirst().containsKey(name)) {
          throw new MalformedFileException(
              file + ": " + Messages.unknown("column", name, rows.getFirst().keySet()));
        }
      }
    }
    List<Entry> entries = new ArrayList<>();
    List<String> skipped = new ArrayList<>();
    for (Map<String, String> row : rows) {
      String status = row.get(columns.status());
      String video = row.getOrDefault(columns.video(), "");
      if (status != null && !status.equals(columns.ok())) {
        skipped.add(Messages.cut(video) + ": its " + columns.status() + " is " + status);
        continue;
      }
      if (video.isEmpty()) {
        continue;
      }
      Optional<Path> found = find(file, video);
      if (found.isEmpty()) {
        skipped.add(Messages.cut(video) + ": no such file");
        continue;
      }
      Map<String, String> others = new LinkedHashMap<>(row);
      others.remove(columns.video());
      Optional<String> own =
          columns.prompt().map(name -> row.getOrDefault(name, "")).filter(p -> !p.isEmpty());
      entries.add(new Entry(found.get(), own.or(() -> shared), others));
    }
    return new VideoList(entries, skipped);
  }

  private static Optional<Path> find(Path file, String video) {
    return Stream.of(Path.of(video), file.toAbsolutePath().resolveSibling(video))
        .filter(Files::isRegularFile)
        .findFirst();
  }

  private static List<Map<String, String>> rows(Path file) {
    ObjectReader reader =
        CsvMapper.builder()
            .enable(CsvParser.Feature.SKIP_EMPTY_LINES)
            .build()
            .readerForMapOf(String.class)
            .with(CsvSchema.emptySchema().withHeader());
    try (MappingIterator<Map<String, String>> rows = reader.readValues(Json.text(file))) {
      return rows.readAll();
    } catch (JsonProcessingException e) {
      throw new MalformedFileException(
          file + ": not a CSV file with a header: " + Messages.cut(e.getOriginalMessage()), e);
    } catch (IOException e) {
      throw new MalformedFileException(file + ": cannot be read: " + Messages.reason(e), e);
    }
  }
}
