// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.cli.Run;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.tensor.Safetensors;

/** Ranks that are processes, each with a device of its own; the tests see two of PoCL. */
@Tag("full")
class DeviceRanksTest {
  @TempDir private static Path shared;
  private static Path model;

  @TempDir private Path directory;

  @BeforeAll
  static void unpack() throws IOException {
    DeviceRun.assumeDevice();
    model = GoldenRun.wanModel(shared);
  }

  private static float[] latents(Path file) {
    try (Arena arena = Arena.ofConfined()) {
      return Safetensors.open(file, arena)
          .data("latents")
          .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }
  }

  private Run generate(Path out, String... more) {
    List<Object> words = new ArrayList<>(List.of("generate", "--model", model));
    words.addAll(List.of("--prompt", "A cat walks", "--frames", "13", "--resolution", "48x32"));
    words.addAll(List.of("--steps", "3", "--guidance-scale", "3", "--dtype", "f32", "-o", out));
    words.addAll(List.of((Object[]) more));
    Run run = Run.lvsa(words.toArray());
    assertEquals(0, run.code(), run.err());
    return run;
  }

  /** Each rank has the whole transformer on its device and runs one branch there. */
  @Test
  void branchesOfGuidanceRunOnTwoDevices() {
    Path one = directory.resolve("one.safetensors");
    Path two = directory.resolve("two.safetensors");
    generate(one, "--transformer", "device");
    Run run =
        generate(
            two, "--transformer", "device", "--cfg-parallel-size", "2", "--ranks", "processes");
    assertArrayEquals(latents(one), latents(two));
    assertTrue(run.out().contains("  on 2 ranks, by branches of guidance"), run.out());
    assertTrue(run.out().contains("kernel java-tiled-f32+portable-f32 on "), run.out());
  }

  /** Attention alone is on the devices; what the ranks exchange stands in the profile. */
  @Test
  void headsOfAttentionRunOnTwoDevices() {
    Path one = directory.resolve("one.safetensors");
    Path two = directory.resolve("two.safetensors");
    generate(one, "--backend", "tornado");
    Path profile = directory.resolve("profile");
    Run run =
        generate(
            two,
            "--backend",
            "tornado",
            "--ulysses-degree",
            "2",
            "--ulysses-mode",
            "advanced_uaa",
            "--ranks",
            "processes",
            "--profile",
            profile.toString());
    assertTrue(run.out().contains("  on 2 ranks, by heads"), run.out());
    float[] expected = latents(one);
    float[] actual = latents(two);
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow((double) expected[i] - actual[i], 2);
      size += (double) expected[i] * expected[i];
    }
    assertTrue(Math.sqrt(difference / size) <= 1e-5, "differs by " + Math.sqrt(difference / size));
    for (int rank = 0; rank < 2; rank++) {
      Path trace = profile.resolve("trace_rank" + rank + ".json");
      long bytes = 0;
      for (JsonNode event : Json.read(trace).get("traceEvents")) {
        bytes += event.at("/args/bytes").longValue();
      }
      assertTrue(bytes > 0, "rank " + rank + " sent nothing");
    }
  }
}
