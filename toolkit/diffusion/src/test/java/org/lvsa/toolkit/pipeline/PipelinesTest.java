// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;

class PipelinesTest {
  @TempDir private Path directory;

  private static void refused(Class<? extends Exception> kind, String words, Executable call) {
    String said = assertThrows(kind, call).getMessage();
    assertTrue(said.contains(words), said);
  }

  @Test
  void aFolderThatOnlyNamesItsClassIsEnough() throws IOException {
    Files.writeString(
        directory.resolve("model_index.json"), "{\"_class_name\": \"WanPipelin\", \"own\": null}");
    ModelFolder folder = ModelFolder.open(directory);
    refused(
        MalformedFileException.class,
        "unknown pipeline class WanPipelin, the nearest is WanPipeline; known are",
        () -> Pipelines.open(folder, Optional.empty(), false));
    // What is asked for wins over the index: the folder is then looked at as Wan's.
    refused(
        MalformedFileException.class,
        "component scheduler is missing",
        () -> Pipelines.open(folder, Optional.of("WanPipeline"), false));
    refused(
        IllegalArgumentException.class,
        "unknown pipeline class Wan,",
        () -> Pipelines.open(folder, Optional.of("Wan"), false));
  }

  @ParameterizedTest
  @CsvSource({
    "WanVACEPipeline, a video or a picture to edit",
    "WanAnimatePipeline, a video whose motion another one takes over",
    "CogVideoXVideoToVideoPipeline, a video to begin with"
  })
  void whatAFamilysOtherClassesTakeIsNamed(String className, String takes) throws IOException {
    Files.writeString(
        directory.resolve("model_index.json"), "{\"_class_name\": \"" + className + "\"}");
    ModelFolder folder = ModelFolder.open(directory);
    refused(
        UnavailableException.class,
        takes + " is not supported by this pipeline (" + className + ")",
        () -> Pipelines.open(folder, Optional.empty(), false));
  }

  @Test
  void randomWeightsSayWhatTheyAre() {
    RandomSizes sizes = new RandomSizes("wan2.1-1.3b", RandomSizes.Scale.SMALL, OptionalInt.of(1));
    try (VideoPipeline pipeline = Pipelines.random(sizes)) {
      assertEquals("WanPipeline", pipeline.className());
      assertEquals(1, pipeline.geometry().get("layers"));
      assertTrue(pipeline.toString().contains("random weights, 1 blocks of 2 heads"));
      refused(
          IllegalArgumentException.class,
          "sound is not supported by this pipeline (WanPipeline)",
          () -> Capability.AUDIO_INPUT.require(pipeline));
      refused(
          IllegalArgumentException.class,
          "a picture to edit is not supported by this pipeline (WanPipeline)",
          () -> Capability.IMAGE_EDITING.require(pipeline));
    }
    refused(
        IllegalArgumentException.class,
        "wan2.1-1.3b",
        () ->
            Pipelines.random(
                new RandomSizes("wan2.1-1.3", RandomSizes.Scale.SMALL, OptionalInt.empty())));
  }

  /** RIFLEx slows one temporal frequency of a model whose positions turn. */
  @ParameterizedTest
  @ValueSource(strings = {"wan2.1-1.3b", "hunyuanvideo-1.5", "cogvideox-5b", "cogvideox1.5-5b"})
  void riflexChangesTheVideoAndScaleOneDoesNot(String name) {
    RandomSizes sizes = new RandomSizes(name, RandomSizes.Scale.SMALL, OptionalInt.of(1));
    try (VideoPipeline pipeline = Pipelines.random(sizes)) {
      float[] plain = oneStep(pipeline);
      pipeline.riflex(1);
      assertArrayEquals(plain, oneStep(pipeline));
      pipeline.riflex(4);
      assertFalse(Arrays.equals(plain, oneStep(pipeline)), name);
      refused(
          IllegalArgumentException.class,
          "scale must be at least 1, got 0.5",
          () -> pipeline.riflex(0.5));
    }
  }

  private static float[] oneStep(VideoPipeline pipeline) {
    GenerationSettings settings =
        new GenerationSettings(
            new GenerationSettings.Prompts("noise", ""),
            new VideoSize(new Resolution(64, 64), 41),
            1,
            new GuidanceSettings(1, false),
            OptionalDouble.empty(),
            new StartingLatents.Seed(1));
    try (Denoising denoising = pipeline.prepare(settings);
        GenerationAttention attention =
            new GenerationAttention(
                new GenerationAttention.Settings(
                    TestConfig.of(Map.of("LVSA_BACKEND", "vector")),
                    StepCounting.PLUGIN,
                    KernelOptions.DEFAULT,
                    Optional.empty()),
                pipeline.attended(settings.size()),
                LineLog.none())) {
      return denoising.run(attention, Optional.empty(), (step, latents, history) -> {});
    }
  }
}
