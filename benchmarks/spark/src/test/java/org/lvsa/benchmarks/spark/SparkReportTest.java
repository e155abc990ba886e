// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("full")
class SparkReportTest {
  private static final String NEW =
      "model,resolution,frames,patches_per_frame,heads,dtype,sparsity_scale,density,backend,seed,"
          + "speedup,rel_l2_error,status,note,host,asked_pattern,asked_density\n";
  private static final String OLD =
      "model,resolution,frames,patches_per_frame,heads,dtype,sparsity_scale,density,backend,"
          + "speedup,rel_l2_error,status,note\n";

  @TempDir private Path directory;

  private void sweep(String name, String header, List<String> rows) throws IOException {
    Path folder = Files.createDirectories(directory.resolve(name));
    Files.writeString(folder.resolve("results.csv"), header + String.join("\n", rows) + "\n");
  }

  private static String row(int seed, double speedup, String host) {
    return String.format(
        Locale.ROOT,
        "wan,832x480,161,1560,2,F32,0.5,0.25,vector,%d,%s,0.1,ok,\"a, \"\"b\"\"\",%s,lvsa,",
        seed,
        speedup,
        host);
  }

  @Test
  void percentilesAndTheSpreadBetweenHostsAreTold() throws IOException {
    // Two hosts, each with the same spread within it; one is twice as fast.
    sweep("a", NEW, List.of(row(1, 1, "slow"), row(2, 2, "slow"), row(3, 4, "slow")));
    sweep("b/c", NEW, List.of(row(1, 2, "fast"), row(2, 4, "fast"), row(3, 8, "fast")));
    sweep(
        "old",
        OLD,
        List.of(
            "wan,832x480,81,1560,2,F32,0.5,1.0,vector,1.0,0.0,ok,",
            "wan,832x480,81,1560,2,F32,0.5,1.0,vector,,,failed,broken"));
    List<Path> written =
        SparkReport.write(
            directory, SparkSettings.of("local[2]", Map.of(), null).remove("spark.task.cpus"));
    List<String[]> cells = read(written.getFirst());
    List<String> names = List.of(cells.getFirst());
    assertEquals(3, cells.size());
    String[] two = cells.get(1);
    assertEquals("161", two[names.indexOf("frames")]);
    assertEquals("6", two[names.indexOf("n")]);
    assertEquals("2", two[names.indexOf("hosts")]);
    assertEquals("3", two[names.indexOf("seeds")]);
    assertEquals(3.0, number(two, names, "speedup_p50"), 1e-12);
    // Logarithms to base 2: within a host −1, 0, 1 around its mean, variance 1; the means are 1
    // apart, so the mean square between hosts is 6 · 0.25 = 1.5, and (1.5 − 1) / 3 is the hosts'.
    double ln2 = Math.log(2);
    assertEquals(
        100 * (Math.exp(Math.sqrt(0.5 / 3) * ln2) - 1),
        number(two, names, "between_hosts_percent"),
        1e-9);
    assertEquals(100.0, number(two, names, "within_host_percent"), 1e-9);
    String[] one = cells.get(2);
    assertEquals("1", one[names.indexOf("n")]);
    assertEquals("", one[names.indexOf("between_hosts_percent")]);
    List<String[]> hosts = read(written.getLast());
    assertEquals(4, hosts.size());
    assertEquals("fast", hosts.get(1)[List.of(hosts.getFirst()).indexOf("host")]);
    assertEquals(4.0, number(hosts.get(1), List.of(hosts.getFirst()), "speedup_median"), 1e-12);
  }

  /** Sweeps that somebody turned into Parquet count as those that are still text. */
  @Test
  void parquetFilesCountAsCsv() throws IOException {
    sweep("text", NEW, List.of(row(1, 2, "one"), row(2, 4, "one")));
    sweep("kept", NEW, List.of(row(3, 8, "two"), row(4, 16, "two")));
    SparkConf conf = SparkSettings.of("local[1]", Map.of(), null).remove("spark.task.cpus");
    try (SparkSession spark = SparkSession.builder().config(conf).getOrCreate()) {
      spark
          .read()
          .option("header", "true")
          .option("inferSchema", "true")
          .csv(directory.resolve("kept").toString())
          .write()
          .parquet(directory.resolve("columns").toString());
    }
    Files.delete(directory.resolve("kept/results.csv"));
    List<String[]> cells = read(SparkReport.write(directory, conf).getFirst());
    List<String> names = List.of(cells.getFirst());
    assertEquals(2, cells.size());
    assertEquals("4", cells.get(1)[names.indexOf("n")]);
    assertEquals("2", cells.get(1)[names.indexOf("hosts")]);
    assertEquals(6.0, number(cells.get(1), names, "speedup_p50"), 1e-12);
  }

  @Test
  void aFolderWithoutResultsIsRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> SparkReport.write(directory, SparkSettings.of("local[1]", Map.of(), null)));
  }

  private static double number(String[] row, List<String> names, String column) {
    return Double.parseDouble(row[names.indexOf(column)]);
  }

  private static List<String[]> read(Path file) throws IOException {
    List<String[]> rows = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      rows.add(line.split(",", -1));
    }
    return rows;
  }
}
