// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.io.OutputFile;

/**
 * A sweep's directory, locked for one process: {@code results.csv}, in which every row is on disk
 * before the next cell starts; {@code settings.json}, with the settings and the {@link Identity};
 * {@code environment.json}.
 */
final class SweepDirectory implements AutoCloseable {
  private static final String SETTINGS = "settings.json";
  private static final String IDENTITY = "identity";

  private final Path directory;
  private final FileChannel lockFile;

  private SweepDirectory(Path directory, FileChannel lockFile) {
    this.directory = directory;
    this.lockFile = lockFile;
  }

  /** The results with which a resumed sweep starts. */
  record Resumed(List<ResultRow> rows, List<String> differences, int doubled) {}

  /**
   * Starts a new sweep.
   *
   * @throws IllegalArgumentException if the directory holds results already, or is in use
   */
  static SweepDirectory start(Path directory, SweepSettings settings, Identity identity)
      throws IOException {
    refuseResults(directory);
    SweepDirectory locked = lock(directory);
    try {
      // Another sweep may have come first, and ended, since the directory was looked at.
      refuseResults(directory);
      ObjectNode tree = Json.mapper().valueToTree(settings);
      tree.set(IDENTITY, Json.mapper().valueToTree(identity));
      locked.write(SETTINGS, json(tree));
      locked.write(ResultsFile.NAME, ResultsFile.header());
      return locked;
    } catch (IOException | RuntimeException e) {
      locked.close();
      throw e;
    }
  }

  private static void refuseResults(Path directory) {
    if (Files.exists(directory) && !Files.isDirectory(directory)) {
      throw new IllegalArgumentException(directory + " is a file, -o needs a directory");
    }
    if (Files.exists(directory.resolve(ResultsFile.NAME))) {
      throw new IllegalArgumentException(
          directory
              + " already holds a sweep's results: add --resume to go on with it, or give another"
              + " directory with -o");
    }
  }

  /**
   * Opens the directory of an earlier sweep.
   *
   * @throws IllegalArgumentException if the directory holds no sweep, or is in use
   */
  static SweepDirectory reopen(Path directory) throws IOException {
    requireSettings(directory);
    return lock(directory);
  }

  private static void requireSettings(Path directory) {
    if (!Files.exists(directory.resolve(SETTINGS))) {
      throw new IllegalArgumentException(
          directory + " holds no sweep to resume: it has no " + SETTINGS);
    }
  }

  /**
   * Goes on with a sweep: keeps its measured cells, and forgets those that failed (they are tried
   * again), doubled cells, and a last record that was cut off.
   *
   * @param anyway go on although the program, the machine or the input is another one
   * @throws IllegalArgumentException if the sweep has other settings, or another identity
   * @throws MalformedFileException if a file of the directory is damaged
   */
  Resumed resume(SweepSettings settings, Identity identity, boolean anyway) throws IOException {
    Path file = directory.resolve(SETTINGS);
    JsonNode tree = Json.read(file);
    List<String> others = SweepSettings.differences(settings, settings(tree, file));
    if (!others.isEmpty()) {
      throw new IllegalArgumentException(
          directory + " was made with other settings: " + String.join("; ", others));
    }
    List<String> differences = identity(tree).map(identity::differencesFrom).orElse(List.of());
    if (!differences.isEmpty() && !anyway) {
      throw new IllegalArgumentException(
          directory
              + " was measured elsewhere: "
              + String.join("; ", differences)
              + "; --resume=anyway goes on, and says so in the new rows");
    }
    List<ResultRow> all = measured();
    List<ResultRow> kept = withoutDoubles(all, Set.copyOf(settings.backends()));
    StringBuilder text = new StringBuilder(ResultsFile.header());
    kept.forEach(row -> text.append(ResultsFile.line(row)));
    write(ResultsFile.NAME, text.toString());
    return new Resumed(kept, differences, all.size() - kept.size());
  }

  /**
   * The settings that the sweep in a directory was started with.
   *
   * @throws IllegalArgumentException if the directory holds no sweep
   * @throws MalformedFileException if its settings are damaged
   */
  static SweepSettings settings(Path directory) throws IOException {
    requireSettings(directory);
    Path file = directory.resolve(SETTINGS);
    return settings(Json.read(file), file);
  }

  private static SweepSettings settings(JsonNode tree, Path file) {
    for (String name : List.of("models", "backends")) {
      if (tree.path(name).isEmpty()) {
        throw new MalformedFileException(file + " is damaged: it lacks " + name);
      }
    }
    if (tree.path("sparsityScales").isEmpty() && tree.path("patterns").isEmpty()) {
      throw new MalformedFileException(file + " is damaged: it lacks sparsityScales");
    }
    if (tree.path("frames").isEmpty() && tree.path("latentFrames").isEmpty()) {
      throw new MalformedFileException(file + " is damaged: it lacks frames and latentFrames");
    }
    ObjectNode bare = tree.deepCopy();
    bare.remove(IDENTITY);
    return Json.convert(bare, SweepSettings.class, file.toString());
  }

  /** The identity of the sweep; empty in directories of older versions, which did not note it. */
  private Optional<Identity> identity(JsonNode tree) {
    return tree.has(IDENTITY)
        ? Optional.of(
            Json.convert(
                tree.get(IDENTITY), Identity.class, directory.resolve(SETTINGS).toString()))
        : Optional.empty();
  }

  private List<ResultRow> measured() throws IOException {
    Path csv = csv();
    // A sweep may be killed before there are results; a crash of the machine may empty the file.
    return Files.exists(csv) && Files.size(csv) > 0
        ? ResultsFile.read(csv).stream().filter(ResultRow::ok).toList()
        : List.of();
  }

  /** Rows of implementations outside this project share cells, and stay. */
  private static List<ResultRow> withoutDoubles(List<ResultRow> rows, Set<String> backends) {
    Set<Cell> doubled = new HashSet<>();
    Set<Cell> seen = new HashSet<>();
    for (ResultRow row : rows) {
      if (!seen.add(row.cell()) && backends.contains(row.cell().backend())) {
        doubled.add(row.cell());
      }
    }
    List<ResultRow> kept = new ArrayList<>();
    Set<Cell> there = new HashSet<>();
    for (ResultRow row : rows) {
      if (!doubled.contains(row.cell())) {
        kept.add(row);
      } else if (there.add(row.cell())) {
        kept.add(row.withRemark("a second row of this cell was dropped on resume"));
      }
    }
    return kept;
  }

  /** The path of {@code results.csv}. */
  Path csv() {
    return directory.resolve(ResultsFile.NAME);
  }

  /** Adds a row, and returns once it is on disk. */
  void append(ResultRow row) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(ResultsFile.line(row).getBytes(StandardCharsets.UTF_8));
    try (FileChannel channel = FileChannel.open(csv(), StandardOpenOption.APPEND)) {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    } catch (IOException e) {
      throw new IOException("cannot add a row to " + csv() + ": " + Messages.reason(e), e);
    }
  }

  /** Writes {@code environment.json}. */
  void environment(Map<String, Object> environment) throws IOException {
    write("environment.json", json(environment));
  }

  private static String json(Object value) throws IOException {
    return Json.mapper().writer(SerializationFeature.INDENT_OUTPUT).writeValueAsString(value);
  }

  private void write(String name, String text) throws IOException {
    OutputFile.write(
        directory.resolve(name), out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** The lock ends with the process, however it ends; the file stays. */
  private static SweepDirectory lock(Path directory) throws IOException {
    FileChannel channel = null;
    try {
      Files.createDirectories(directory);
      channel =
          FileChannel.open(
              directory.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      FileLock lock = channel.tryLock();
      if (lock != null) {
        return new SweepDirectory(directory, channel);
      }
      channel.close();
    } catch (OverlappingFileLockException e) {
      channel.close();
    } catch (IOException e) {
      throw new IOException("cannot use " + directory + ": " + Messages.reason(e), e);
    }
    throw new IllegalArgumentException(
        directory + " is in use by another sweep: wait for its end, or give another with -o");
  }

  @Override
  public void close() throws IOException {
    lockFile.close();
  }
}
