// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.io.MalformedFileException;

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
        "unknown pipeline class WanPipelin, the nearest is WanPipeline",
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
    }
    refused(
        IllegalArgumentException.class,
        "wan2.1-1.3b",
        () ->
            Pipelines.random(
                new RandomSizes("wan2.1-1.3", RandomSizes.Scale.SMALL, OptionalInt.empty())));
  }
}
