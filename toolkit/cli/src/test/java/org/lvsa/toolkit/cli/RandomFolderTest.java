// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;

/** {@code --random-weights DIR}: a published folder's configurations without its weights. */
class RandomFolderTest {
  @TempDir private Path directory;

  /** A folder with these files and nothing else. */
  private Path folder(String model, String... files) throws IOException {
    Path index = GoldenRun.file(model + "/model/model_index.json", directory);
    for (String file : files) {
      GoldenRun.file(model + "/model/" + file, directory);
    }
    return index.getParent();
  }

  private Path wan() throws IOException {
    return folder(
        "wan", "transformer/config.json", "vae/config.json", "scheduler/scheduler_config.json");
  }

  private Run generate(Path folder, Path out, Object... more) {
    List<Object> words =
        new ArrayList<>(List.of("generate", "--random-weights", folder, "--steps", 2, "-o", out));
    words.addAll(Arrays.asList(more));
    return Run.lvsa(words.toArray());
  }

  @ParameterizedTest
  @CsvSource({
    "wan, 9, 32x32, scheduler/scheduler_config.json",
    "cogvideox, 9, 80x48, scheduler/scheduler_config.json",
    "hunyuan15, 9, 96x64, 'scheduler/scheduler_config.json guider/guider_config.json'"
  })
  void aFolderWithoutWeightsRunsInItsSizes(String model, int frames, String size, String others)
      throws IOException {
    Path folder = folder(model, "transformer/config.json", "vae/config.json");
    for (String file : others.split(" ")) {
      GoldenRun.file(model + "/model/" + file, directory);
    }
    Path latents = directory.resolve("out.safetensors");
    Run run = generate(folder, latents, "--frames", frames, "--resolution", size);
    assertEquals(0, run.code(), run.err());
    assertTrue(
        run.out()
            .contains(
                "of the sizes in "
                    + folder
                    + " with random weights, random numbers in place of the text encoder's"),
        run.out());
    byte[] first = Files.readAllBytes(latents);
    assertEquals(0, generate(folder, latents, "--frames", frames, "--resolution", size).code());
    assertArrayEquals(first, Files.readAllBytes(latents), "the same weights at every call");
  }

  @Test
  void theVideoIsDecodedToo() throws IOException {
    Path pictures = directory.resolve("pictures");
    Run run =
        generate(wan(), pictures, "--frames", 5, "--resolution", "32x32", "--output-type", "png");
    assertEquals(0, run.code(), run.err());
    assertTrue(Files.exists(pictures.resolve("frame-00004.png")));
  }

  @Test
  void whatDoesNotFitIsRefused() throws IOException {
    Path out = directory.resolve("x.mp4");
    assertRefused(2, "a folder says its own sizes", generate(wan(), out, "--layers", 3));
    assertRefused(
        2,
        "no model_index.json",
        generate(Files.createDirectories(directory.resolve("empty")), out));
    assertRefused(2, "unknown model with random weights", generate(Path.of("no-such"), out));
    Files.delete(wan().resolve("vae/config.json"));
    assertRefused(2, "vae", generate(directory.resolve("wan/model"), out));
    // Tokens of pictures come from an encoder, whose weights say what it makes of them.
    Path pictures =
        folder(
            "wan_i2v",
            "transformer/config.json",
            "vae/config.json",
            "scheduler/scheduler_config.json",
            "image_encoder/config.json",
            "image_processor/preprocessor_config.json");
    assertRefused(3, "image_encoder", generate(pictures, out));
    assertFalse(Files.exists(out));
  }

  private static void assertRefused(int code, String message, Run run) {
    assertEquals(code, run.code(), run.err());
    assertTrue(run.err().contains(message), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
  }
}
