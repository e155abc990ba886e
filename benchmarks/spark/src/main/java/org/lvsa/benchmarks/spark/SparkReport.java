// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SequenceWriter;
import com.fasterxml.jackson.dataformat.csv.CsvGenerator;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.sweep.ResultsFile;

/**
 * Sums up the results of many sweeps with Spark SQL, so that they need not fit into memory. Seeds
 * and hosts of one cell are put together: percentiles of the speed-up over all of its rows, and the
 * spread between hosts apart from the spread within a host (one-way random effects on the logarithm
 * of the speed-up, by the method of moments).
 */
final class SparkReport {
  /** What rows of one cell have in common, whatever seed and host they are of. */
  private static final List<String> CELL =
      List.of(
          "model",
          "resolution",
          "frames",
          "patches_per_frame",
          "heads",
          "dtype",
          "backend",
          "sparsity_scale",
          "asked_pattern",
          "asked_density");

  private static final ObjectWriter CSV =
      CsvMapper.builder()
          .enable(CsvGenerator.Feature.STRICT_CHECK_FOR_QUOTING)
          .build()
          .writer(CsvSchema.emptySchema());

  private static final List<String> NUMBERS = List.of("speedup", "density", "rel_l2_error");

  private SparkReport() {}

  /**
   * Writes {@code by-cell.csv} and {@code by-host.csv} beside the sweeps.
   *
   * @param directory folder with the folders of sweeps, at any depth: {@code results.csv}, or
   *     Parquet files with the same columns
   * @return the two files
   * @throws IllegalArgumentException if there are no results
   */
  static List<Path> write(Path directory, SparkConf conf) throws IOException {
    try (SparkSession spark = SparkSession.builder().config(conf).getOrCreate()) {
      spark.sparkContext().setLogLevel("ERROR");
      rows(spark, directory).createOrReplaceTempView("results");
      String cell = String.join(", ", CELL);
      // One row per cell and host: the random effect's groups.
      spark
          .sql(
              "SELECT "
                  + cell
                  + ", host, count(*) AS n, count(DISTINCT seed) AS seeds,"
                  + " percentile(speedup, 0.5) AS speedup_median, avg(ln(speedup)) AS mean,"
                  + " coalesce(var_samp(ln(speedup)), 0) AS variance"
                  + " FROM results WHERE status = 'ok' AND speedup > 0 GROUP BY "
                  + cell
                  + ", host")
          .createOrReplaceTempView("hosts");
      spark
          .sql(
              "SELECT "
                  + cell
                  + ", count(*) AS n, count(DISTINCT host) AS hosts, count(DISTINCT seed) AS seeds,"
                  + " percentile(speedup, 0.05) AS speedup_p05,"
                  + " percentile(speedup, 0.5) AS speedup_p50,"
                  + " percentile(speedup, 0.95) AS speedup_p95,"
                  + " avg(density) AS density, percentile(rel_l2_error, 0.5) AS rel_l2_error_p50"
                  + " FROM results WHERE status = 'ok' AND speedup > 0 GROUP BY "
                  + cell)
          .createOrReplaceTempView("cells");
      spark
          .sql(
              "SELECT *, greatest(0, (between_ms - within_ms) / share) AS between_variance FROM ("
                  + "SELECT "
                  + cell
                  + ", CASE WHEN sum(n) > count(*) THEN sum((n - 1) * variance) / (sum(n) - count(*))"
                  + " ELSE 0 END AS within_ms,"
                  + " (sum(n * mean * mean) - pow(sum(n * mean), 2) / sum(n)) / (count(*) - 1)"
                  + " AS between_ms,"
                  + " (sum(n) - sum(n * n) / sum(n)) / (count(*) - 1) AS share"
                  + " FROM hosts GROUP BY "
                  + cell
                  + " HAVING count(*) > 1)")
          .createOrReplaceTempView("effects");
      Dataset<Row> byCell =
          spark.sql(
              "SELECT c.*, 100 * (exp(sqrt(e.between_variance)) - 1) AS between_hosts_percent,"
                  + " 100 * (exp(sqrt(e.within_ms)) - 1) AS within_host_percent"
                  + " FROM cells c LEFT JOIN effects e ON "
                  + same("c", "e")
                  + " ORDER BY "
                  + cell);
      Dataset<Row> byHost =
          spark.sql(
              "SELECT "
                  + cell
                  + ", host, n, seeds, speedup_median FROM hosts ORDER BY "
                  + cell
                  + ", host");
      return List.of(
          csv(byCell, directory.resolve("by-cell.csv")),
          csv(byHost, directory.resolve("by-host.csv")));
    }
  }

  private static String same(String left, String right) {
    return String.join(
        " AND ",
        CELL.stream().map(name -> left + "." + name + " <=> " + right + "." + name).toList());
  }

  /** All rows. Files with the same columns are read together; older ones lack some columns. */
  private static Dataset<Row> rows(SparkSession spark, Path directory) throws IOException {
    Map<String, List<String>> byHeader = new LinkedHashMap<>();
    List<String> parquet = new ArrayList<>();
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        if (file.endsWith(ResultsFile.NAME)) {
          byHeader.computeIfAbsent(header(file), h -> new ArrayList<>()).add(file.toString());
        } else if (file.toString().endsWith(".parquet")) {
          parquet.add(file.toString());
        }
      }
    }
    List<Dataset<Row>> parts = new ArrayList<>();
    byHeader.forEach((header, files) -> parts.add(csv(spark, header, files)));
    if (!parquet.isEmpty()) {
      parts.add(spark.read().option("mergeSchema", "true").parquet(parquet.toArray(String[]::new)));
    }
    return parts.stream()
        .map(SparkReport::typed)
        .reduce((a, b) -> a.unionByName(b, true))
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    directory + " holds no sweep: there is no results.csv and no Parquet file"));
  }

  private static String header(Path file) throws IOException {
    try (Stream<String> lines = Files.lines(file)) {
      return lines
          .findFirst()
          .orElseThrow(() -> new MalformedFileException(file + ": has no header line"));
    }
  }

  private static Dataset<Row> csv(SparkSession spark, String header, List<String> files) {
    StructType schema = new StructType();
    for (String name : header.split(",")) {
      schema = schema.add(name, DataTypes.StringType);
    }
    return spark
        .read()
        .option("header", "true")
        .option("multiLine", "true")
        .option("escape", "\"")
        .schema(schema)
        .csv(files.toArray(String[]::new));
  }

  /** The columns that are summed up, numbers as numbers; null where a file lacks one. */
  private static Dataset<Row> typed(Dataset<Row> rows) {
    List<String> there = List.of(rows.columns());
    Dataset<Row> all = rows;
    List<String> wanted = new ArrayList<>(CELL);
    wanted.addAll(List.of("host", "seed", "status"));
    for (String name : wanted) {
      all =
          all.withColumn(
              name,
              there.contains(name)
                  ? functions.col(name).cast(DataTypes.StringType)
                  : functions.lit(null).cast(DataTypes.StringType));
    }
    for (String name : NUMBERS) {
      all =
          all.withColumn(
              name,
              there.contains(name)
                  ? functions.expr("try_cast(" + name + " AS double)")
                  : functions.lit(null).cast(DataTypes.DoubleType));
    }
    wanted.addAll(NUMBERS);
    return all.select(
        wanted.stream().map(functions::col).toArray(org.apache.spark.sql.Column[]::new));
  }

  /** Writes a small result, which is as long as there are different cells. */
  private static Path csv(Dataset<Row> rows, Path file) throws IOException {
    OutputFile.write(
        file,
        out -> {
          SequenceWriter lines = CSV.writeValues(out);
          lines.write(rows.columns());
          for (Iterator<Row> all = rows.toLocalIterator(); all.hasNext(); ) {
            Row row = all.next();
            Object[] fields = new Object[row.size()];
            Arrays.setAll(fields, i -> Objects.requireNonNullElse(row.get(i), ""));
            lines.write(fields);
          }
          lines.flush();
        });
    return file;
  }
}
