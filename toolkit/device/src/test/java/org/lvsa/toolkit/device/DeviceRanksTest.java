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
import java.util.Locale;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.cli.Run;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.vision.Picture;

/** Ranks that are processes, each with a device of its own; the tests see two of PoCL. */
@Tag("full")
class DeviceRanksTest {
  private static final int FRAMES = 5;
  private static final long LATENT_FRAMES = 2;
  private static final long LATENT_CHANNELS = 16;
  private static final int STEPS = 2;

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
    assertTrue(
        run.out().contains("  on 2 ranks, by branches of guidance; devices 0:0,0:1 in turn"),
        run.out());
    assertTrue(run.out().contains("kernel java-tiled-f32+portable-f32 on "), run.out());
  }

  /**
   * Both ranks decode, on the CPU, what both devices denoised: tiles of two sizes, or patches whose
   * margins show each rank the whole frame. Each sends what docs/parallelism.md says: its branch's
   * prediction in every step, and the second one its tile too.
   *
   * @param width of the second rank's tile, in pixels
   */
  @ParameterizedTest
  @CsvSource({"320, 16, tile, 128", "48, 32, patch, 48"})
  void ranksWithDevicesDecodeTheFramesOfOneRank(int frameWidth, int height, String mode, int width)
      throws IOException {
    String size = frameWidth + "x" + height;
    Path one = directory.resolve("one");
    Path two = directory.resolve("two");
    Path profile = directory.resolve("profile");
    List<String> alone = new ArrayList<>(List.of("--vae", "cpu"));
    if (mode.equals("tile")) {
      alone.add("--vae-tiling");
    }
    frames(one, size, alone);
    Run run =
        frames(
            two,
            size,
            List.of(
                "--cfg-parallel-size",
                "2",
                "--ranks",
                "processes",
                "--vae-patch-parallel-size",
                "2",
                "--vae-parallel-mode",
                mode,
                "--profile",
                profile.toString()));
    assertTrue(run.out().contains("of the decoder (2)"), run.out());
    requireSame(one, two);
    long latents = LATENT_CHANNELS * LATENT_FRAMES * (frameWidth / 8L) * (height / 8L);
    long predictions = STEPS * Float.BYTES * latents;
    assertEquals(predictions, exchanged(profile, 0));
    assertEquals(
        predictions + 4L * FRAMES * height * width * 3, exchanged(profile, 1), "with the tile");
  }

  /** The first rank decodes on its device, the other one has no VAE there. */
  @Test
  void theFirstRankDecodesOnItsDevice() throws IOException {
    Path one = directory.resolve("one");
    Path two = directory.resolve("two");
    frames(one, "48x32", List.of());
    Run run = frames(two, "48x32", List.of("--cfg-parallel-size", "2", "--ranks", "processes"));
    assertTrue(run.err().contains("to the device: VAE"), run.err());
    requireSame(one, two);
  }

  private Run frames(Path out, String size, List<String> more) {
    List<Object> words = new ArrayList<>(List.of("generate", "--model", model));
    words.addAll(List.of("--transformer", "device", "--dtype", "f32", "--output-type", "png"));
    words.addAll(List.of("--prompt", "A cat walks", "--frames", FRAMES, "--resolution", size));
    words.addAll(List.of("--steps", STEPS, "--guidance-scale", "3", "-o", out));
    words.addAll(more);
    Run run = Run.lvsa(words.toArray());
    assertEquals(0, run.code(), run.err());
    return run;
  }

  private static void requireSame(Path one, Path two) throws IOException {
    for (int frame = 0; frame < FRAMES; frame++) {
      String name = String.format(Locale.ROOT, "frame-%05d.png", frame);
      assertArrayEquals(
          Picture.read(one.resolve(name)).rgb(), Picture.read(two.resolve(name)).rgb(), name);
    }
  }

  /** Bytes that a rank sent the others. */
  private static long exchanged(Path profile, int rank) {
    long bytes = 0;
    for (JsonNode event :
        Json.read(profile.resolve("trace_rank" + rank + ".json")).get("traceEvents")) {
      bytes +=
          event.path("name").asText().equals("all-to-all")
              ? event.at("/args/bytes").longValue()
              : 0;
    }
    return bytes;
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
      assertTrue(exchanged(profile, rank) > 0, "rank " + rank + " sent nothing");
    }
  }
}
