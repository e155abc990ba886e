// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.tensor.Safetensors;

/**
 * {@code lvsa generate --attention PATTERN} on the tiny Wan model: two layers, 9 latent frames of 4
 * x 4 patches.
 */
class GeneratePatternTest {
  private static final int STEPS = 2;

  @TempDir private static Path shared;
  private static Path model;

  @TempDir private Path directory;

  @BeforeAll
  static void unpack() throws IOException {
    model = GoldenRun.wanModel(shared);
  }

  private static Run generate(Path out, String attention, Object... more) {
    List<Object> words =
        new ArrayList<>(
            List.of(
                "generate",
                "--model",
                model,
                "--prompt",
                "A cat",
                "--steps",
                STEPS,
                "--frames",
                33,
                "--resolution",
                "64x64",
                "--attention",
                attention,
                "-o",
                out));
    words.addAll(Arrays.asList(more));
    return Run.lvsa(words.toArray());
  }

  private float[] latents(String name, String attention, Object... more) {
    Path out = directory.resolve(name + ".safetensors");
    Run run = generate(out, attention, more);
    assertEquals(0, run.code(), run.err());
    return latents(out);
  }

  private static float[] latents(Path file) {
    try (Arena arena = Arena.ofConfined()) {
      return Safetensors.open(file, arena)
          .data("latents")
          .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }
  }

  /** Indices at which two files' latents differ in any bit. */
  static List<Integer> differences(Path one, Path other) {
    float[] a = latents(one);
    float[] b = latents(other);
    assertEquals(a.length, b.length);
    return IntStream.range(0, a.length)
        .filter(i -> Float.floatToRawIntBits(a[i]) != Float.floatToRawIntBits(b[i]))
        .boxed()
        .toList();
  }

  /** What the summary says: dense and sparse self-attentions, and the density of the latter. */
  private record Told(int dense, int sparse, double density, double all) {
    static Told of(String out) {
      Matcher line =
          Pattern.compile(
                  "attention, density ([\\d.]+).*?(\\d+) self-attentions dense by the schedule, (\\d+)"
                      + " with the pattern at density ([\\d.]+); choosing blocks took",
                  Pattern.DOTALL)
              .matcher(out);
      assertTrue(line.find(), out);
      return new Told(
          Integer.parseInt(line.group(2)),
          Integer.parseInt(line.group(3)),
          Double.parseDouble(line.group(4)),
          Double.parseDouble(line.group(1)));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "lvsa:window=1,interval=4",
        "window:block=16,radius=1",
        "dilated:block=16,radius=1",
        "strided:block=16,stride=4",
        "radial:block=8,dense_steps=0,dense_layers=0",
        "sta:tile=3x2x2,window=1x1x1,dense_steps=0",
        "svg:block=16,density=0.6,dense_steps=0,dense_layers=0",
        "svg2:queries=4,keys=6,iterations=3,share=0.5,dense_steps=0,dense_layers=0",
        "vsa:cube=3x2x2,sparsity=0.7",
        "draft:patch=2x2,sparsity=0.7",
        "sparge:queries=16,keys=8,share=0.4",
        "bsa:queries=3x2x2,keys=3x2x2,sparsity=0.7",
        "random:block=16,count=3",
        "topk:queries=16,keys=8,count=5"
      })
  void everyPatternIsTheSelfAttentionOfAVideo(String attention) {
    Path out = directory.resolve("out.safetensors");
    Run run = generate(out, attention);
    assertEquals(0, run.code(), run.err());
    Told told = Told.of(run.out());
    assertEquals(0, told.dense());
    // Two layers and, for the prompt and the negative one, two passes per step.
    assertEquals(STEPS * 2 * 2, told.sparse());
    // The narrowest band of svg is 128 of these 144 tokens wide.
    double most = attention.startsWith("svg:") ? 1 : 0.9;
    assertTrue(told.density() > 0.05 && told.density() < most, run.out());
    assertEquals(told.density(), told.all(), 1e-4);
    for (float value : latents(out)) {
      assertTrue(Float.isFinite(value));
    }
  }

  @Test
  void aScheduleMakesFirstStepsAndLayersDense() {
    float[] dense = latents("dense", "dense");
    float[] all = latents("all", "window:block=16,radius=0,dense_steps=100%");
    assertArrayEquals(dense, all, "a pattern that always stands back changes no bit");
    Run run =
        generate(
            directory.resolve("some.safetensors"),
            "window:block=16,radius=0,dense_steps=1,dense_layers=50%");
    assertEquals(0, run.code(), run.err());
    Told told = Told.of(run.out());
    // Step 0 in both layers, then the first of two layers.
    assertEquals(2 * 2 + 2, told.dense());
    assertEquals(2, told.sparse());
    assertEquals((told.dense() + told.sparse() * told.density()) / 8, told.all(), 1e-4);
    assertTrue(
        run.out().contains("dense in the first 1 of 2 steps and the first 1 of 2 layers"),
        run.out());
    assertFalse(Arrays.equals(dense, latents(directory.resolve("some.safetensors"))));
  }

  @Test
  void bothGuidancePassesInOneBatchAreTheSameAsApart() {
    String pattern = "vsa:cube=3x2x2,sparsity=0.7";
    float[] apart = latents("apart", pattern);
    float[] together = latents("together", pattern, "--batched-guidance");
    double error = 0;
    double size = 0;
    for (int i = 0; i < apart.length; i++) {
      error += Math.pow(apart[i] - together[i], 2);
      size += Math.pow(apart[i], 2);
    }
    assertTrue(Math.sqrt(error / size) < 1e-4, "each text has its own blocks: " + error / size);
  }

  @Test
  void aMaskFromAFileIsAsGoodAsItsPattern() throws IOException {
    Path mask = directory.resolve("mask.json");
    Run shown =
        Run.lvsa(
            "pattern",
            "--pattern",
            "random:block=12,count=4,seed=7",
            "--latent-frames",
            9,
            "--grid",
            "4x4",
            "--format",
            "json");
    assertEquals(0, shown.code(), shown.err());
    Files.writeString(mask, shown.out());
    float[] named = latents("named", "random:block=12,count=4,seed=7");
    assertArrayEquals(named, latents("file", "file:" + mask));
  }

  @Test
  void compareNamesItsFilesAfterThePattern() {
    Run run = generate(directory.resolve("two.mp4"), "sta:tile=3x2x2,window=1x1x1", "--compare");
    assertEquals(0, run.code(), run.err());
    assertTrue(Files.exists(directory.resolve("two.dense.mp4")));
    assertTrue(Files.exists(directory.resolve("two.sta.mp4")));
    assertTrue(run.out().contains("dense left, sta right"), run.out());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          radiall                       | 2 | unknown attention radiall, the nearest is radial
          sta:tile=1                    | 2 | sta: tile must be FRAMESxHEIGHTxWIDTH, got 1
          window:dense_steps=x          | 2 | window: dense_steps must be a whole number or a share
          bsa:queries=2x2x2             | 2 | bsa takes videos without text that both cubes divide
          random:dense_steps=3,block=0  | 2 | random: block must be at least 1, got 0
          file:none.json                | 2 | none.json
          window --ulysses-degree 2 | 3 | attention window runs on one rank, got 2
          """)
  void badPatternsAreRefusedAndLeaveNothingBehind(String words, int code, String message)
      throws IOException {
    String[] parts = words.split(" ");
    Path out = directory.resolve("out.safetensors");
    Run run = generate(out, parts[0], (Object[]) Arrays.copyOfRange(parts, 1, parts.length));
    assertEquals(code, run.code(), run.err());
    assertTrue(run.err().lines().anyMatch(line -> line.contains(message)), run.err());
    try (var files = Files.list(directory)) {
      assertEquals(0, files.count());
    }
  }
}
