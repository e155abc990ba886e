// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.cli.Run;
import org.lvsa.toolkit.cli.TinyModel;

/** Transformer and VAE that take turns on a device. */
@Tag("full")
class DeviceTurnsTest {
  private static final Pattern MEMORY =
      Pattern.compile(
          "device memory: (transformer ([0-9.]+) MiB, )?VAE ([0-9.]+) MiB; together at most"
              + " ([0-9.]+) MiB so far");

  @TempDir private Path directory;

  /** Mebibytes, as the log tells them. */
  private record Told(boolean together, double vae, double most) {}

  private Told told(TinyModel.Opened model, Path out, String... more) {
    List<String> options = new ArrayList<>(List.of("--transformer", "device", "--dtype", "f32"));
    options.addAll(Arrays.asList(more));
    options.addAll(List.of("--output-type", "png", "-o", out.toString()));
    Run run = Run.lvsa(model.words(List.of("generate"), options).toArray());
    assertEquals(0, run.code(), run.err());
    MatchResult last =
        MEMORY.matcher(run.err()).results().reduce((before, after) -> after).orElseThrow();
    return new Told(
        last.group(1) != null,
        Double.parseDouble(last.group(3)),
        Double.parseDouble(last.group(4)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "wan/model",
        "wan_i2v/model",
        "wan22/a14b/model",
        "wan22/ti2v5b/model",
        "hunyuan15/model",
        "hunyuan15_i2v/model",
        "cogvideox/model"
      })
  void theFramesAreTheSameAndTheDeviceHoldsLess(String name) throws IOException {
    DeviceRun.assumeDevice();
    TinyModel.Opened model = TinyModel.titled("(" + name + ")").open(directory);
    Path beside = directory.resolve("beside");
    Path inTurn = directory.resolve("turns");
    Told both = told(model, beside);
    Told turns = told(model, inTurn, "--enable-cpu-offload");
    assertTrue(both.together(), "without the option both stay");
    assertTrue(!turns.together(), "the VAE is alone");
    assertEquals(both.vae(), turns.vae(), "the VAE takes as much");
    assertTrue(turns.vae() <= turns.most(), turns.toString());
    assertTrue(turns.most() < both.most(), turns + " of " + both);
    List<Path> frames;
    try (var files = Files.list(beside)) {
      frames = files.sorted().toList();
    }
    assertTrue(frames.size() > 1, frames.toString());
    for (Path frame : frames) {
      Path other = inTurn.resolve(frame.getFileName());
      assertArrayEquals(Files.readAllBytes(frame), Files.readAllBytes(other), frame.toString());
    }
  }
}
