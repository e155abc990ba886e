// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;
import org.lvsa.toolkit.cli.Lvsa;

/**
 * What {@code spark-submit} starts: {@code lvsa sweep} with the given options, on the master that
 * spark-submit names.
 */
public final class SparkSweep {
  private SparkSweep() {}

  /** Runs the sweep, and ends the process with its exit code. */
  public static void main(String[] args) {
    List<String> line = new ArrayList<>(List.of("sweep"));
    line.addAll(List.of(args));
    SparkConf submitted = new SparkConf();
    if (!line.contains("--master") && submitted.contains("spark.master")) {
      line.addAll(List.of("--master", submitted.get("spark.master")));
    }
    Lvsa.main(line.toArray(String[]::new));
  }
}
