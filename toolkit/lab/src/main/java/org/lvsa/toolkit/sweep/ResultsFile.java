// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;

/**
 * A sweep's directory: {@code results.csv}, a line a cell, on disk before the next cell starts;
 * {@code settings.json}; {@code environment.json}.
 */
public final class ResultsFile {
  private static final CsvMapper CSV =
      CsvMapper.builder().enable(CsvParser.Feature.EMPTY_STRING_AS_NULL).build();
  private static final CsvSchema SCHEMA = CSV.schemaFor(ResultRow.class);
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private final Path directory;

  /** For a directory that need not exist yet. */
  public ResultsFile(Path directory) {
    this.directory = directory;
  }

  /** The results themselves. */
  public Path csv() {
    return directory.resolve("results.csv");
  }

  /**
   * Starts a new sweep.
   *
   * @throws IllegalArgumentException if the directory holds results already
   */
  public void start(SweepSettings settings) throws IOException {
    if (Files.exists(csv())) {
      throw new IllegalArgumentException(
          directory
              + " already holds a sweep's results: add --resume to go on with it, or give another"
              + " directory with -o");
    }
    if (Files.exists(directory) && !Files.isDirectory(directory)) {
      throw new IllegalArgumentException(directory + " is a file, -o needs a directory");
    }
    Files.createDirectories(directory);
    replace("settings.json", JSON.writeValueAsBytes(settings));
    replace("results.csv", header().getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Goes on with a sweep: keeps its measured cells, forgets those that failed (they are tried
   * again) and a last line that was cut off.
   *
   * @return the measured cells
   * @throws IllegalArgumentException if the directory holds no sweep, or one with other settings
   */
  public List<ResultRow> resume(SweepSettings settings) throws IOException {
    Path file = directory.resolve("settings.json");
    if (!Files.exists(file) || !Files.exists(csv())) {
      throw new IllegalArgumentException(directory + " holds no sweep to resume");
    }
    SweepSettings found = JSON.readValue(file.toFile(), SweepSettings.class);
    List<String> differences = SweepSettings.differences(settings, found);
    if (!differences.isEmpty()) {
      throw new IllegalArgumentException(
          directory + " was made with other settings: " + String.join("; ", differences));
    }
    List<ResultRow> done =
        read(csv()).stream().filter(row -> row.status().equals(ResultRow.OK)).toList();
    StringBuilder text = new StringBuilder(header());
    for (ResultRow row : done) {
      text.append(line(row));
    }
    replace("results.csv", text.toString().getBytes(StandardCharsets.UTF_8));
    return done;
  }

  /** Adds a cell, and returns once it is on disk. */
  public void append(ResultRow row) throws IOException {
    try (FileChannel channel = FileChannel.open(csv(), StandardOpenOption.APPEND)) {
      ByteBuffer bytes = ByteBuffer.wrap(line(row).getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
  }

  /** Writes {@code environment.json}. */
  public void environment(Map<String, Object> environment) throws IOException {
    replace("environment.json", JSON.writeValueAsBytes(environment));
  }

  /**
   * Reads results. A last line without its line end, as a crash can leave it, is left out.
   *
   * @throws IllegalArgumentException if the file is not a sweep's
   */
  public static List<ResultRow> read(Path csv) throws IOException {
    String text = Files.readString(csv);
    String whole = text.substring(0, text.lastIndexOf('\n') + 1);
    if (!whole.startsWith(header())) {
      throw new IllegalArgumentException(csv + " is not a sweep's results.csv: its header differs");
    }
    try (var rows =
        CSV.readerFor(ResultRow.class).with(SCHEMA.withHeader()).<ResultRow>readValues(whole)) {
      return rows.readAll();
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(csv + " is damaged: " + e.getOriginalMessage());
    }
  }

  /** The header line. */
  public static String header() {
    StringBuilder names = new StringBuilder();
    for (CsvSchema.Column column : SCHEMA) {
      names.append(names.isEmpty() ? "" : ",").append(column.getName());
    }
    return names.append('\n').toString();
  }

  private static String line(ResultRow row) throws JsonProcessingException {
    ObjectWriter writer = CSV.writer(SCHEMA);
    return writer.writeValueAsString(row);
  }

  private void replace(String name, byte[] bytes) throws IOException {
    Path unfinished = directory.resolve("." + name + ".part");
    Files.write(unfinished, bytes);
    Files.move(
        unfinished,
        directory.resolve(name),
        StandardCopyOption.REPLACE_EXISTING,
        StandardCopyOption.ATOMIC_MOVE);
  }
}
