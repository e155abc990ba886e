// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.GenerationOptions;
import org.lvsa.toolkit.attention.LvsaProcessor;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.config.LvsaConfig;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/** The logging that the launcher brings: a generation's lines are shown, with their levels. */
class LogLinesTest {
  private static Qkv qkv(int tokens) {
    return new Qkv(
        Nd4j.rand(DataType.FLOAT, 1, tokens, 1, 8),
        Nd4j.rand(DataType.FLOAT, 1, tokens, 1, 8),
        Nd4j.rand(DataType.FLOAT, 1, tokens, 1, 8));
  }

  @Test
  void linesAreShownByDefaultWithTheirLevels() {
    LvsaConfig config =
        LvsaConfig.of(
            Map.of("DIFFUSION_ATTENTION_BACKEND", "LVSA", "LVSA_BACKEND", "vector"),
            Map.of(),
            line -> {});
    PrintStream before = System.err;
    ByteArrayOutputStream shown = new ByteArrayOutputStream();
    try (PrintStream captured = new PrintStream(shown, true, StandardCharsets.UTF_8)) {
      System.setErr(captured);
      try (Generation generation =
          new Generation(GenerationOptions.of(config).withLatentFrames(14))) {
        LvsaProcessor sparse = new LvsaProcessor("test_hook");
        sparse.attend(generation, 0, qkv(84), Optional.empty());
        sparse.attend(generation, 0, qkv(85), Optional.empty());
      }
    } finally {
      System.setErr(before);
    }
    String text = shown.toString(StandardCharsets.UTF_8);
    assertTrue(text.contains("[INFO] [LVSA] Geometry detected: T_lat=14"), text);
    assertTrue(text.contains("[WARN] [LVSA-FALLBACK] origin=test_hook"), text);
  }
}
