// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.lvsa.toolkit.sweep.Quality;
import org.lvsa.toolkit.sweep.ResultColumns;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.Timing;

/**
 * Results as a table for a terminal. What all rows share stands above it; the columns that answer
 * first come first, and those that do not fit the width are left out.
 */
final class SweepTable {
  private static final int USUAL_WIDTH = 100;
  private static final String GAP = "  ";

  private SweepTable() {}

  /** A column: its title, its cells, and whether it is set flush right. */
  private record Column(String title, List<String> cells, boolean right) {
    int width() {
      return cells.stream().mapToInt(String::length).reduce(title.length(), Math::max);
    }

    String padded(String text) {
      String blanks = " ".repeat(width() - text.length());
      return right ? blanks + text : text + blanks;
    }

    boolean same() {
      return cells.stream().distinct().count() == 1;
    }
  }

  /** Columns of the terminal: {@code COLUMNS} if it is set, 100 if not. */
  static int terminalWidth() {
    String columns = System.getenv().getOrDefault("COLUMNS", "");
    return columns.matches("[1-9]\\d{1,3}") ? Integer.parseInt(columns) : USUAL_WIDTH;
  }

  /** The table, at most {@code width} characters wide. */
  static String of(List<ResultRow> rows, int width) {
    List<Column> what =
        List.of(
            text("model", rows, row -> row.cell().model()),
            text(
                "size",
                rows,
                row ->
                    row.cell().resolution().equals("-")
                        ? row.cell().patchesPerFrame() + " patches"
                        : row.cell().resolution()),
            text("backend", rows, SweepTable::implementation),
            text("dtype", rows, row -> row.cell().dtype().name()),
            text("input", rows, row -> row.cell().input()));
    List<Column> columns = new ArrayList<>();
    List<String> shared = new ArrayList<>();
    for (Column column : what) {
      if (column.same()) {
        shared.add(column.cells().getFirst());
      } else {
        columns.add(column);
      }
    }
    columns.add(right("frames", rows, row -> Integer.toString(row.cell().frames())));
    if (rows.stream().anyMatch(row -> row.cell().isScale())) {
      columns.add(right("scale", rows, row -> scale(row)));
    }
    if (rows.stream().anyMatch(row -> !row.cell().isScale())) {
      columns.add(text("pattern", rows, row -> row.cell().patternName()));
    }
    columns.add(number("speedup", rows, ResultRow::speedup, "%.2f"));
    columns.add(right("95 % interval", rows, SweepTable::interval));
    if (rows.stream().anyMatch(row -> !row.ok())) {
      columns.add(text("status", rows, row -> row.status().word()));
    }
    columns.add(right("dense_ms", rows, row -> timing(row, Timing::denseMillis)));
    columns.add(right("sparse_ms", rows, row -> timing(row, Timing::sparseMillis)));
    columns.add(number("density", rows, ResultRow::density, "%.3f"));
    columns.add(right("rel_l2_error", rows, row -> quality(row, Quality::relL2Error)));
    columns.add(right("mass_recall", rows, row -> quality(row, Quality::massRecall)));
    columns.add(right("oracle_recall", rows, row -> quality(row, Quality::oracleRecall)));
    columns.add(number("efficiency", rows, ResultRow::efficiency, "%.2f"));
    columns.add(number("sparse_gflops", rows, ResultRow::sparseGflops, "%.0f"));
    String heading = String.join(", ", shared);
    return (heading.isEmpty() ? "" : heading + "\n") + print(fitting(columns, width), rows.size());
  }

  /** The table with every column of results.csv. */
  static String wide(List<ResultRow> rows) {
    Map<String, List<String>> cells = new LinkedHashMap<>();
    Map<String, Boolean> numbers = new LinkedHashMap<>();
    for (ResultRow row : rows) {
      ResultColumns.values(row)
          .forEach(
              (name, value) -> {
                cells.computeIfAbsent(name, n -> new ArrayList<>()).add(shown(value));
                numbers.merge(name, !(value instanceof String), Boolean::logicalAnd);
              });
    }
    List<Column> columns = new ArrayList<>();
    cells.forEach((name, values) -> columns.add(new Column(name, values, numbers.get(name))));
    return print(columns, rows.size());
  }

  private static List<Column> fitting(List<Column> columns, int width) {
    List<Column> fitting = new ArrayList<>();
    int used = 0;
    for (Column column : columns) {
      int more = column.width() + (fitting.isEmpty() ? 0 : GAP.length());
      if (used + more <= width) {
        fitting.add(column);
        used += more;
      }
    }
    return fitting;
  }

  private static String print(List<Column> columns, int rows) {
    StringBuilder text = new StringBuilder();
    text.append(line(columns, Column::title));
    for (int row = 0; row < rows; row++) {
      int at = row;
      text.append(line(columns, column -> column.cells().get(at)));
    }
    return text.toString();
  }

  private static String line(List<Column> columns, Function<Column, String> cell) {
    return String.join(
                GAP, columns.stream().map(column -> column.padded(cell.apply(column))).toList())
            .stripTrailing()
        + "\n";
  }

  private static String scale(ResultRow row) {
    return row.cell().isScale() ? Double.toString(row.cell().sparsityScale()) : "-";
  }

  private static Column text(
      String title, List<ResultRow> rows, Function<ResultRow, String> value) {
    return new Column(title, rows.stream().map(value).toList(), false);
  }

  private static Column right(
      String title, List<ResultRow> rows, Function<ResultRow, String> value) {
    return new Column(title, rows.stream().map(value).toList(), true);
  }

  private static Column number(
      String title, List<ResultRow> rows, ToDoubleFunction<ResultRow> value, String format) {
    return right(title, rows, row -> formatted(format, value.applyAsDouble(row)));
  }

  private static String formatted(String format, double value) {
    return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, format, value);
  }

  /** A peer's rows differ in kernel, ours in backend. */
  private static String implementation(ResultRow row) {
    return row.cell().backend().equals("torch") ? row.provenance().kernel() : row.cell().backend();
  }

  private static String interval(ResultRow row) {
    return row.timing()
        .flatMap(Timing::spread)
        .map(
            spread ->
                String.format(
                    Locale.ROOT, "[%.2f, %.2f]", spread.speedupLow(), spread.speedupHigh()))
        .orElse("-");
  }

  /** Three significant digits, without an exponent. */
  private static String timing(ResultRow row, ToDoubleFunction<Timing> value) {
    return row.timing().map(times -> significant(value.applyAsDouble(times))).orElse("-");
  }

  private static String significant(double value) {
    int whole = (int) Math.floor(Math.log10(value)) + 1;
    return String.format(Locale.ROOT, "%." + Math.clamp(3 - whole, 0, 6) + "f", value);
  }

  private static String quality(ResultRow row, ToDoubleFunction<Quality> value) {
    return row.quality().map(q -> formatted("%.4f", value.applyAsDouble(q))).orElse("-");
  }

  private static String shown(Object value) {
    return switch (value) {
      case null -> "-";
      case Double number -> formatted("%.6g", number);
      default -> value.toString();
    };
  }
}
