// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.transformer.DeviceTransformer.ForwardTimes;
import org.lvsa.kernels.transformer.DeviceTransformer.Work;

class WorkTableTest {
  /** Columns of a row: the kinds of work, their sum, the row's own length. */
  private static final int ATTENTION = 0;

  private static final int PRODUCTS = 1;
  private static final int ELEMENTWISE = 2;
  private static final int TRANSFERS = 3;
  private static final int SUM = 5;
  private static final int WALL = 6;

  /** Numbers are printed with one digit behind the point. */
  private static final double ROUNDING = 0.3;

  private static void forward(double attention, double products) {
    try (ForwardEvent event = ForwardEvent.begin("card")) {
      event.ran(
          "kernels",
          new ForwardTimes(1, Map.of(Work.ATTENTION, attention, Work.PRODUCTS, products)));
    }
  }

  private static Map<String, double[]> rows(List<String> lines) {
    Map<String, double[]> rows = new TreeMap<>();
    for (String line : lines.subList(2, lines.size())) {
      String[] words = line.strip().split("\\s+");
      rows.put(words[0], Stream.of(words).skip(1).mapToDouble(Double::parseDouble).toArray());
    }
    return rows;
  }

  @Test
  void textEncoderStepsAndVaeHaveRowsAndAllOfThemIsTheWholeRun(@TempDir Path folder)
      throws IOException {
    List<String> lines;
    try (Profile profile = Profile.start(folder, 0)) {
      try (PhaseEvent _ = PhaseEvent.begin(PhaseEvent.PROMPTS)) {
        assertTrue(ForwardEvent.recorded());
      }
      for (int step = 0; step < 2; step++) {
        try (StepEvent _ = StepEvent.begin(step, 1000)) {
          forward(100 + step, 20);
          forward(300, 40);
        }
      }
      try (PhaseEvent _ = PhaseEvent.begin(PhaseEvent.DECODE);
          ForwardEvent event = ForwardEvent.begin("card")) {
        event.decoded("kernels", new DeviceDecoder.Times(15, 1, 2, 3, 4, 5));
      }
      profile.stop();
      lines = profile.work();
    }
    Map<String, double[]> rows = rows(lines);
    assertEquals(List.of("0", "1", "VAE", "all", "rest", "text"), List.copyOf(rows.keySet()));
    assertEquals(400, rows.get("0")[ATTENTION], ROUNDING);
    assertEquals(401, rows.get("1")[ATTENTION], ROUNDING);
    assertEquals(60, rows.get("1")[PRODUCTS], ROUNDING);
    assertEquals(1, rows.get("VAE")[ATTENTION], ROUNDING);
    assertEquals(2, rows.get("VAE")[PRODUCTS], ROUNDING);
    assertEquals(3, rows.get("VAE")[ELEMENTWISE], ROUNDING);
    assertEquals(4, rows.get("VAE")[TRANSFERS], ROUNDING);
    for (String host : List.of("text", "rest")) {
      assertEquals(0, rows.get(host)[ATTENTION] + rows.get(host)[PRODUCTS], ROUNDING);
      assertEquals(rows.get(host)[WALL], rows.get(host)[SUM], ROUNDING);
    }
    double[] all = rows.get("all");
    for (int column = 0; column <= WALL; column++) {
      int at = column;
      double added =
          rows.entrySet().stream()
              .filter(row -> !row.getKey().equals("all"))
              .mapToDouble(row -> row.getValue()[at])
              .sum();
      assertEquals(added, all[column], ROUNDING, "column " + column);
    }
  }

  @Test
  void withoutADeviceThereIsNoTable(@TempDir Path folder) throws IOException {
    try (Profile profile = Profile.start(folder, 0)) {
      try (StepEvent _ = StepEvent.begin(0, 1000)) {
        assertEquals(List.of(), profile.work());
      }
      profile.stop();
      assertEquals(List.of(), profile.work());
    }
  }
}
