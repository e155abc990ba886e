// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class PublishedResultsTest {
  private static final Path OURS = Path.of("../../datasets/paper/published.csv");

  private static List<List<String>> rows(Path csv) throws IOException {
    return Files.readAllLines(csv).stream().map(line -> List.of(line.split(",", -1))).toList();
  }

  @Test
  void everyValueIsTheAuthors() throws IOException {
    Path original = Path.of("../../../shared/paper/results_means.csv");
    assumeTrue(Files.exists(original), "the authors' table is not beside this checkout");
    List<List<String>> ours = rows(OURS);
    List<List<String>> theirs = rows(original);
    assertEquals(theirs.size(), ours.size());
    for (String column : ours.getFirst()) {
      int here = ours.getFirst().indexOf(column);
      int there = theirs.getFirst().indexOf(column);
      assertTrue(there >= 0, column);
      for (int row = 1; row < ours.size(); row++) {
        assertEquals(theirs.get(row).get(there), ours.get(row).get(here), column + " row " + row);
      }
    }
  }

  @Test
  void theReadmesFiguresAreTheirs() throws IOException {
    String readme = Files.readString(Path.of("../../README.md"));
    List<List<String>> rows = rows(OURS);
    int wall = rows.getFirst().indexOf("wall_time_s_mean");
    for (String horizon : new String[] {"1x", "2x", "4x", "6x"}) {
      double dense = wall(rows, "dense", horizon, wall);
      double sparse = wall(rows, "lvsa-fi", horizon, wall);
      String cell = "%.0f / %.0f = %.2f".formatted(dense, sparse, dense / sparse);
      assertTrue(readme.contains(cell), cell + " is not in the README");
    }
  }

  private static double wall(List<List<String>> rows, String backend, String horizon, int column) {
    return rows.stream()
        .filter(row -> row.subList(0, 3).equals(Arrays.asList("wan13b", backend, horizon)))
        .mapToDouble(row -> Double.parseDouble(row.get(column)))
        .findFirst()
        .orElseThrow();
  }
}
