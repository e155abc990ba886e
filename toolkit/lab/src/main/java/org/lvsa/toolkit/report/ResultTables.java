// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.nio.file.Path;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.lvsa.toolkit.sweep.Quality;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.Timing;
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
                          case "note",
                              "status",
                              "commit",
                              "timestamp",
                              "resolution",
                              "host",
                              "dense_kernel" ->
                              Optional.of(ColumnType.STRING);
                          default -> Optional.empty();
                        })
                .build());
  }

  /** What a reader looks at first: sizes, times, gain and loss, rounded for reading. */
  public static Table summary(List<ResultRow> rows) {
    return Table.create(
        "Dense against sparse",
        text("model", rows, row -> row.cell().model()),
        text("resolution", rows, row -> row.cell().resolution()),
        text("frames", rows, row -> Integer.toString(row.cell().frames())),
        text("pattern", rows, row -> row.cell().what()),
        text("backend", rows, row -> row.cell().backend()),
        number("density", rows, ResultRow::density, 3),
        number("dense_ms", rows, timing(Timing::denseMillis), 1),
        number("sparse_ms", rows, timing(Timing::sparseMillis), 1),
        number("speedup", rows, ResultRow::speedup, 2),
        number("speedup_low", rows, spread(Timing.Spread::speedupLow), 2),
        number("speedup_high", rows, spread(Timing.Spread::speedupHigh), 2),
        number("ideal", rows, row -> 1 / row.density(), 2),
        number("efficiency", rows, ResultRow::efficiency, 2),
        number("sparse_gflops", rows, ResultRow::sparseGflops, 0),
        number("rel_l2_error", rows, ResultTables::error, 4),
        number("mass_recall", rows, quality(Quality::massRecall), 3),
        text("status", rows, row -> row.status().word()));
  }

  /** What patterns lose with blocks of each size, at each density. */
  public static Table byBlockSize(List<ResultRow> rows) {
    return Table.create(
        "By block size",
        text("where", rows, PatternPlots::place),
        text("pattern", rows, BlockSizePlots::name),
        text("asked_density", rows, BlockSizePlots::density),
        text(
            "block_tokens",
            rows,
            row -> row.pattern().map(facts -> Integer.toString(facts.blockTokens())).orElse("")),
        number("density", rows, ResultRow::density, 3),
        number("rel_l2_error", rows, ResultTables::error, 4),
        number("worst_head_error", rows, quality(Quality::worstHeadError), 4),
        number("mass_recall", rows, quality(Quality::massRecall), 3),
        number("oracle_recall", rows, quality(Quality::oracleRecall), 3),
        number("sparse_ms", rows, timing(Timing::sparseMillis), 1));
  }

  private static ToDoubleFunction<ResultRow> quality(ToDoubleFunction<Quality> value) {
    return row -> row.quality().map(value::applyAsDouble).orElse(Double.NaN);
  }

  private static ToDoubleFunction<ResultRow> timing(ToDoubleFunction<Timing> value) {
    return row -> row.timing().map(value::applyAsDouble).orElse(Double.NaN);
  }

  private static ToDoubleFunction<ResultRow> spread(ToDoubleFunction<Timing.Spread> value) {
    return row -> row.timing().flatMap(Timing::spread).map(value::applyAsDouble).orElse(Double.NaN);
  }

  /** A peer's row has no error; NaN is Tablesaw's missing value. */
  private static double error(ResultRow row) {
    return row.quality().map(Quality::relL2Error).orElse(Double.NaN);
  }

  /** Scales are written so that their order as texts is their order. */
  private static String pattern(ResultRow row) {
    return row.cell().what();
  }

  /**
   * Mean speed-up and error of each sparsity scale or pattern, over the measured cells of each
   * backend.
   */
  public static Table byScale(List<ResultRow> measured) {
    Table all =
        Table.create(
            "By pattern",
            text("backend", measured, row -> row.cell().backend()),
            text("pattern", measured, ResultTables::pattern),
            DoubleColumn.create(
                "speedup", measured.stream().mapToDouble(ResultRow::speedup).toArray()),
            DoubleColumn.create(
                "efficiency", measured.stream().mapToDouble(ResultRow::efficiency).toArray()),
            DoubleColumn.create(
                "rel_l2_error", measured.stream().mapToDouble(ResultTables::error).toArray()));
    Table means =
        all.summarize(List.of("speedup", "efficiency", "rel_l2_error"), AggregateFunctions.mean)
            .by("backend", "pattern")
            .sortOn("backend", "pattern");
    for (int i = 2; i < means.columnCount(); i++) {
      ((DoubleColumn) means.column(i))
          .setPrintFormatter(
              new DecimalFormat("0.0000", DecimalFormatSymbols.getInstance(Locale.ROOT)), "");
    }
    return means.setName("By pattern");
  }

  private static StringColumn text(
      String name, List<ResultRow> rows, Function<ResultRow, String> value) {
    return StringColumn.create(name, rows.stream().map(value).toArray(String[]::new));
  }

  private static StringColumn number(
      String name, List<ResultRow> rows, ToDoubleFunction<ResultRow> value, int digits) {
    return text(
        name,
        rows,
        row -> {
          double number = value.applyAsDouble(row);
          return Double.isNaN(number)
              ? ""
              : String.format(Locale.ROOT, "%." + digits + "f", number);
        });
  }
}
