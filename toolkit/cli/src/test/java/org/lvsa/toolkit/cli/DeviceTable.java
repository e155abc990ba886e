// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The table of {@code docs/support.md} that says what runs with {@code --transformer device}: a row
 * for each feature, a column for each model, and under it the lines that refuse the rest.
 *
 * @param columns by the model's heading: by the feature's name {@link #YES}, or the line that
 *     refuses it
 */
public record DeviceTable(Map<String, Map<String, String>> columns) {
  /** What runs. */
  public static final String YES = "yes";

  private static final String CORNER = "| with `--transformer device` |";
  private static final Pattern NOTE = Pattern.compile("(?m)^(\\d+)\\. `(.*)`$");

  /** The table of a document, which may lack it. */
  public static DeviceTable read(String document) {
    Map<String, Map<String, String>> columns = new LinkedHashMap<>();
    int begin = document.indexOf(CORNER);
    if (begin < 0) {
      return new DeviceTable(columns);
    }
    String table = document.substring(begin);
    Map<String, String> notes = new LinkedHashMap<>();
    Matcher note = NOTE.matcher(table);
    while (note.find()) {
      notes.put("no (" + note.group(1) + ")", note.group(2));
    }
    List<List<String>> rows =
        table.lines().takeWhile(line -> line.startsWith("|")).map(DeviceTable::cells).toList();
    List<String> models = rows.getFirst().subList(1, rows.getFirst().size());
    models.forEach(model -> columns.put(model, new LinkedHashMap<>()));
    for (List<String> row : rows.subList(2, rows.size())) {
      for (int i = 0; i < models.size(); i++) {
        String cell = row.get(i + 1);
        columns.get(models.get(i)).put(row.getFirst(), notes.getOrDefault(cell, cell));
      }
    }
    return new DeviceTable(columns);
  }

  private static List<String> cells(String line) {
    return Stream.of(line.substring(1).split("\\|")).map(String::strip).toList();
  }

  /** What a model runs, by the feature's name; nothing where the table lacks the model. */
  public Map<String, String> column(String model) {
    return columns.getOrDefault(model, Map.of());
  }

  /** The table in Markdown, as {@link #read} takes it. */
  public String markdown() {
    List<String> notes = new ArrayList<>();
    StringBuilder text = new StringBuilder(CORNER);
    columns.keySet().forEach(model -> text.append(' ').append(model).append(" |"));
    text.append("\n|---|").append("---|".repeat(columns.size())).append('\n');
    for (String feature : columns.values().iterator().next().keySet()) {
      text.append("| ").append(feature).append(" |");
      for (Map<String, String> column : columns.values()) {
        String outcome = column.get(feature);
        if (!outcome.equals(YES) && !notes.contains(outcome)) {
          notes.add(outcome);
        }
        text.append(outcome.equals(YES) ? " yes" : " no (" + (notes.indexOf(outcome) + 1) + ")");
        text.append(" |");
      }
      text.append('\n');
    }
    text.append('\n');
    for (int i = 0; i < notes.size(); i++) {
      text.append(i + 1).append(". `").append(notes.get(i)).append("`\n");
    }
    return text.toString();
  }
}
