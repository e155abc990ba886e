// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.lvsa.toolkit.cli.DeviceFeature;
import org.lvsa.toolkit.cli.DeviceTable;
import org.lvsa.toolkit.cli.TinyModel;

/**
 * Which model runs with which feature on a device: runs all features with the models that the
 * second table of {@code docs/support.md} has columns of, and compares. That table with what ran
 * last is in {@code target/support.md}. Another model is added by its heading.
 */
@Tag("full")
class DeviceSupportTest {
  private static final Path DOCUMENT = Path.of("../../docs/support.md");
  private static final Path RAN = Path.of("target/support.md");

  @TempDir private Path directory;

  @BeforeAll
  static void begin() {
    DeviceRun.assumeDevice();
  }

  static Set<String> models() throws IOException {
    return DeviceTable.read(Files.readString(DOCUMENT)).columns().keySet();
  }

  @ParameterizedTest
  @MethodSource("models")
  void aModelRunsWhatTheDocumentSays(String title) throws IOException {
    TinyModel.Opened model = TinyModel.titled(title).open(directory);
    Map<String, String> ran = new LinkedHashMap<>();
    for (DeviceFeature feature : DeviceFeature.all()) {
      ran.put(feature.name(), outcome(feature, model));
    }
    write(title, ran);
    assertEquals(DeviceTable.read(Files.readString(DOCUMENT)).column(title), ran, "see " + RAN);
  }

  /** A failure stands in the column too, so that the other features run. */
  private String outcome(DeviceFeature feature, TinyModel.Opened model) throws IOException {
    try {
      return feature.outcome(model, directory);
    } catch (AssertionError e) {
      return "failed: " + e.getMessage();
    }
  }

  /** Keeps what other models ran. */
  private static void write(String title, Map<String, String> ran) throws IOException {
    Map<String, Map<String, String>> all = new LinkedHashMap<>();
    if (Files.exists(RAN)) {
      all.putAll(DeviceTable.read(Files.readString(RAN)).columns());
    }
    all.put(title, ran);
    Files.writeString(RAN, new DeviceTable(all).markdown());
  }
}
