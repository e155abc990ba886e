// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.OffloadedPipeline;
import org.lvsa.toolkit.pipeline.Pipelines;
import org.lvsa.toolkit.pipeline.VideoPipeline;

/** {@code lvsa generate} that lets weights go, on the tiny Wan model. */
class GenerateOffloadTest {
  @TempDir private static Path shared;
  private static Path model;

  @TempDir private Path directory;

  @BeforeAll
  static void unpack() throws IOException {
    model = GoldenRun.wanModel(shared);
  }

  private Run generate(String out, List<String> more) {
    List<Object> words = new ArrayList<>(List.of("generate", "--model", model));
    words.addAll(List.of("--prompt", "A cat walks", "--frames", "9", "--resolution", "32x32"));
    words.addAll(List.of("--steps", "6", "--guidance-scale", "3", "-o", directory.resolve(out)));
    words.addAll(more);
    return Run.lvsa(words.toArray());
  }

  @ParameterizedTest
  @CsvSource({
    "--enable-cpu-offload, false",
    "--enable-layerwise-offload, false",
    "--enable-layerwise-offload, true"
  })
  void theVideoIsTheSame(String option, boolean cached) throws IOException {
    List<String> cache =
        cached
            ? List.of(
                "--cache-backend",
                "cache_dit",
                "--cache-config",
                "{\"residual_diff_threshold\": 1, \"max_warmup_steps\": 2}")
            : List.of();
    Run plain = generate("plain.mp4", cache);
    assertEquals(0, plain.code(), plain.err());
    List<String> offloaded = new ArrayList<>(cache);
    offloaded.add(option);
    Run run = generate("out.mp4", offloaded);
    assertEquals(0, run.code(), run.err());
    assertArrayEquals(
        Files.readAllBytes(directory.resolve("plain.mp4")),
        Files.readAllBytes(directory.resolve("out.mp4")));
    boolean layers = option.contains("layerwise");
    assertTrue(
        run.out()
            .contains(
                layers
                    ? "Layer-wise offloading enabled: 2 blocks of transformer.blocks"
                    : "Model-level offloading enabled: transformer <-> text_encoder"),
        run.out());
    for (String part : List.of("encoding", "denoising", "decoding")) {
      assertTrue(run.out().contains("[offload] " + part + ": weights at most "), run.out());
    }
    assertEquals(layers, run.out().contains(" blocks at a time)"), run.out());
    assertTrue(
        run.out().indexOf("[offload] before loading: encoding the prompts needs ")
            < run.out().indexOf("[offload] encoding: "),
        run.out());
  }

  /** A video that fits only with two blocks at a time: the message says how, with both numbers. */
  @Test
  void whereLettingBlocksGoWouldHelpTheMessageSaysSo() {
    try (VideoPipeline pipeline =
        Pipelines.open(ModelFolder.open(model, Map.of()), Optional.empty(), false)) {
      Function<VideoPipeline, List<MemoryNeed>> memory =
          one ->
              List.of(
                  new MemoryNeed("decoding", 2 << 20),
                  new MemoryNeed(
                      MemoryNeed.DENOISING,
                      one instanceof OffloadedPipeline ? 3 << 20 : Long.MAX_VALUE));
      OffloadOptions plain = new OffloadOptions();
      String said =
          assertThrows(
                  UnavailableException.class,
                  () -> plain.require(pipeline, memory, true, line -> {}))
              .getMessage();
      assertTrue(said.startsWith("denoising needs 8796093022207 MiB of memory, "), said);
      assertTrue(
          said.endsWith(
              " MiB are free here: with --enable-layerwise-offload denoising needs 3 MiB"),
          said);
      String impossible =
          assertThrows(
                  UnavailableException.class,
                  () -> plain.require(pipeline, memory, false, line -> {}))
              .getMessage();
      assertFalse(impossible.contains("--enable-layerwise-offload"), impossible);
    }
  }

  @Test
  void ofBothTheFinerOneIsTaken() {
    Run run = generate("out.mp4", List.of("--enable-cpu-offload", "--enable-layerwise-offload"));
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("--enable-layerwise-offload is taken"), run.out());
    assertTrue(run.out().contains("Layer-wise offloading enabled"), run.out());
  }

  @Test
  void whatCannotBeLetGoIsRefused() {
    Run ranks = generate("out.mp4", List.of("--enable-cpu-offload", "--cfg-parallel-size", "2"));
    assertEquals(2, ranks.code());
    assertTrue(ranks.err().contains("runs on 1 rank"), ranks.err());
    assertTrue(ranks.err().contains("got 2 ranks"), ranks.err());
    Run random =
        Run.lvsa(
            "generate",
            "--random-weights",
            "wan2.1-1.3b",
            "--enable-layerwise-offload",
            "-o",
            directory.resolve("out.mp4"));
    assertEquals(2, random.code());
    assertTrue(random.err().contains("needs weights in files"), random.err());
  }
}
