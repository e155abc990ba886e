// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;

/**
 * The text of {@code results.csv}: a header line and one line per cell.
 *
 * <p>Readers look columns up by name: a file of an older version lacks the newer columns, and a
 * column that nobody knows is passed over. A last record that a crash cut off is left out.
 */
public final class ResultsFile {
  /** The file's name in a sweep's directory. */
  public static final String NAME = "results.csv";

  private static final CsvMapper CSV =
      CsvMapper.builder().enable(CsvParser.Feature.WRAP_AS_ARRAY).build();
  private static final CsvSchema SCHEMA = CSV.schema();

  private ResultsFile() {}

  /** The header line. */
  public static String header() {
    return String.join(",", ResultColumns.names()) + "\n";
  }

  /** A row's line. */
  public static String line(ResultRow row) {
    Object[] fields =
        ResultColumns.values(row).values().stream()
            .map(value -> Objects.requireNonNullElse(value, ""))
            .toArray();
    try {
      return CSV.writer(SCHEMA).writeValueAsString(fields);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a row cannot be written as CSV", e);
    }
  }

  /**
   * Reads a file.
   *
   * @throws MalformedFileException with the file and the line if it is not a sweep's, or damaged
   */
  public static List<ResultRow> read(Path csv) {
    return read(csv, Json.text(csv));
  }

  /**
   * The rows of a text.
   *
   * @param csv where the text comes from, for messages
   */
  static List<ResultRow> read(Path csv, String text) {
    List<Line> records = new ArrayList<>();
    Line rest = split(text, records);
    if (records.isEmpty()) {
      throw new MalformedFileException(
          csv + " is not a sweep's results.csv: it has no header line");
    }
    List<String> header = fields(csv, records.removeFirst());
    Set<String> names = new LinkedHashSet<>(header);
    List<String> missing = ResultColumns.missing(names);
    if (names.size() != header.size() || !missing.isEmpty()) {
      throw new MalformedFileException(
          csv
              + " is not a sweep's results.csv: its header "
              + (missing.isEmpty() ? "has a column twice" : "lacks " + String.join(", ", missing)));
    }
    refuseHiddenRecords(csv, rest, header.size());
    List<ResultRow> rows = new ArrayList<>();
    for (Line record : records) {
      if (!record.text().isBlank()) {
        rows.add(row(csv, record, header));
      }
    }
    return rows;
  }

  private static ResultRow row(Path csv, Line record, List<String> header) {
    List<String> fields = fields(csv, record);
    if (fields.size() != header.size()) {
      throw damaged(
          csv, record, "has " + fields.size() + " fields, the header has " + header.size(), null);
    }
    Map<String, String> values = new LinkedHashMap<>();
    for (int i = 0; i < fields.size(); i++) {
      values.put(header.get(i), fields.get(i));
    }
    try {
      return ResultColumns.row(values);
    } catch (IllegalArgumentException e) {
      throw damaged(csv, record, e.getMessage(), e);
    }
  }

  /**
   * A quote that damage left open swallows the rows that follow it. Those are not an incomplete
   * last record, and are not dropped without a word.
   */
  private static void refuseHiddenRecords(Path csv, Line rest, int columns) {
    List<String> lines = rest.text().lines().skip(1).toList();
    for (String line : lines) {
      if (line.chars().filter(c -> c == ',').count() >= columns - 1) {
        throw damaged(csv, rest, "has a quote that is never closed", null);
      }
    }
  }

  private static List<String> fields(Path csv, Line record) {
    try (var parsed = CSV.readerForListOf(String.class).<List<String>>readValues(record.text())) {
      return parsed.nextValue();
    } catch (IOException e) {
      String reason =
          e instanceof JsonProcessingException wrong ? wrong.getOriginalMessage() : e.getMessage();
      throw damaged(csv, record, reason, e);
    }
  }

  private static MalformedFileException damaged(
      Path csv, Line record, String reason, Exception cause) {
    return new MalformedFileException(
        csv + ", line " + record.number() + ": the row is damaged: " + reason, cause);
  }

  /** A record's text, and the number of its first line in the file. */
  private record Line(int number, String text) {}

  /**
   * Cuts a text into records, which end at a line end outside quotes.
   *
   * @return what follows the last whole record
   */
  private static Line split(String text, List<Line> records) {
    boolean quoted = false;
    int begin = 0;
    int line = 1;
    int first = 1;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '"') {
        quoted = !quoted;
      } else if (c == '\n') {
        line++;
        if (!quoted) {
          records.add(new Line(first, text.substring(begin, i + 1)));
          begin = i + 1;
          first = line;
        }
      }
    }
    return new Line(first, text.substring(begin));
  }
}
