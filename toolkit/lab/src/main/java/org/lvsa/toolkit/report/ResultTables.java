// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.nio.file.Path;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import org.lvsa.toolkit.sweep.ResultRow;
import tech.tablesaw.aggregate.AggregateFunctions;
import tech.tablesaw.api.ColumnType;
import tech.tablesaw.api.DoubleColumn;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;
import tech.tablesaw.io.csv.CsvReadOptions;

/** Results as Tablesaw tables. */
public final class ResultTables {
  private ResultTables() {}

  /** All columns of a sweep's results.csv, as measured. */
  public static Table read(Path csv) {
    return Table.read()
        .usingOptions(
            CsvReadOptions.builder(csv.toFile())
                .tableName("results")
                .columnTypesPartial(
                    name ->
                        switch (name) {
                          case "note", "status", "commit", "timestamp", "resolution" ->
                              Optional.of(ColumnType.STRING);
                          default -> Optional.empty();
                        })
                .build());
  }

  /** What a reader looks at first: sizes, times, gain and loss, rounded for reading. */
  public static Table summary(List<ResultRow> rows) {
    return Table.create(
        "Dense against sparse",
        text("model", rows, ResultRow::model),
        text("resolution", rows, ResultRow::resolution),
        text("frames", rows, row -> Integer.toString(row.frames())),
        text("scale", rows, row -> Double.toString(row.sparsityScale())),
        text("backend", rows, ResultRow::backend),
        number("density", rows, ResultRow::density, 3),
        number("dense_ms", rows, ResultRow::denseMs, 1),
        number("sparse_ms", rows, ResultRow::sparseMs, 1),
        number("speedup", rows, ResultRow::speedup, 2),
        number("ideal", rows, ResultRow::idealSpeedup, 2),
        number("efficiency", rows, ResultRow::efficiency, 2),
        number("sparse_gflops", rows, ResultRow::sparseGflops, 0),
        number("rel_l2_error", rows, ResultRow::relL2Error, 4),
        number("mass_recall", rows, ResultRow::massRecall, 3),
        text("status", rows, ResultRow::status));
  }

  /** Mean speed-up and error of each sparsity scale, over the measured cells of each backend. */
  public static Table byScale(List<ResultRow> measured) {
    Table all =
        Table.create(
            "By sparsity scale",
            text("backend", measured, ResultRow::backend),
            text("scale", measured, row -> Double.toString(row.sparsityScale())),
            DoubleColumn.create(
                "speedup", measured.stream().mapToDouble(ResultRow::speedup).toArray()),
            DoubleColumn.create(
                "efficiency", measured.stream().mapToDouble(ResultRow::efficiency).toArray()),
            DoubleColumn.create(
                "rel_l2_error",
                measured.stream()
                    .map(ResultRow::relL2Error)
                    // A peer's row has no error; NaN is Tablesaw's missing value.
                    .mapToDouble(error -> error == null ? Double.NaN : error)
                    .toArray()));
    Table means =
        all.summarize(List.of("speedup", "efficiency", "rel_l2_error"), AggregateFunctions.mean)
            .by("backend", "scale")
            .sortOn("backend", "scale");
    for (int i = 2; i < means.columnCount(); i++) {
      ((DoubleColumn) means.column(i))
          .setPrintFormatter(
              new DecimalFormat("0.0000", DecimalFormatSymbols.getInstance(Locale.ROOT)), "");
    }
    return means.setName("By sparsity scale");
  }

  private static StringColumn text(
      String name, List<ResultRow> rows, Function<ResultRow, String> value) {
    return StringColumn.create(name, rows.stream().map(value).toArray(String[]::new));
  }

  private static StringColumn number(
      String name, List<ResultRow> rows, Function<ResultRow, Double> value, int digits) {
    return text(
        name,
        rows,
        row -> {
          Double number = value.apply(row);
          return number == null ? "" : String.format(Locale.ROOT, "%." + digits + "f", number);
        });
  }
}
