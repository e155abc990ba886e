// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;

/**
 * Models of sizes that no published one has, and pictures: videos of one frame. The published
 * implementation recorded the runs; {@code golden/pipelines/other_sizes/README.md} says how.
 */
class GenerateOtherSizesTest {
  /** The file of a run, whose options name further files of the same folder. */
  private static final String RUN = "golden.safetensors";

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"wan-picture-dpm", "wan-first-last", "cogvideox-picture", "cogvideox15"})
  void aRunEqualsTheRecordedOne(String name) throws IOException {
    String at = "other_sizes/" + name;
    GoldenRun run = GoldenRun.open(at);
    Path folder = unpack(GoldenRun.file(at + ".zip", directory));
    Files.copy(GoldenRun.file(at + ".safetensors", directory), folder.resolve(RUN));

    Path latents = directory.resolve("latents.safetensors");
    generate(run, folder, "--output-type", "latent", "--save-every", 1, "-o", latents);
    for (int step = 0; run.holds("step" + step + ".latents"); step++) {
      check(run, "step" + step + ".latents", latents, "step" + step + ".latents");
    }
    check(run, "final.latents", latents, "latents");

    Path frames = directory.resolve("frames");
    generate(run, folder, "--output-type", "png", "-o", frames);
    run.checkFrames("frames_uint8_round", PngFrames.read(frames));
  }

  private static void check(GoldenRun run, String recorded, Path file, String name) {
    run.checkAtLeast(recorded, GenerateHunyuanTest.tensor(file, name), 1e-4);
  }

  private static void generate(GoldenRun run, Path folder, Object... more) {
    List<Object> words =
        new ArrayList<>(
            List.of(
                "generate",
                "--model",
                folder.resolve("model"),
                "--latents",
                folder.resolve(RUN),
                "--backend",
                "vector"));
    for (var option : run.json().get("options")) {
      Path file = folder.resolve(option.textValue());
      words.add(Files.isRegularFile(file) ? file : option.textValue());
    }
    words.addAll(List.of(more));
    Run done = Run.lvsa(words.toArray());
    assertEquals(0, done.code(), done.err());
  }

  private static Path unpack(Path zip) throws IOException {
    Path folder = zip.resolveSibling("unpacked");
    try (InputStream file = Files.newInputStream(zip);
        ZipInputStream in = new ZipInputStream(file)) {
      for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
        Path to = folder.resolve(entry.getName());
        Files.createDirectories(to.getParent());
        Files.copy(in, to);
      }
    }
    return folder;
  }
}
