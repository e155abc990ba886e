// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.weights.ComponentFiles;

class ModelFolderTest {
  @TempDir private Path directory;

  private void index(String json) throws IOException {
    Files.writeString(directory.resolve("model_index.json"), json);
  }

  private Path component(String name) throws IOException {
    return Files.createDirectories(directory.resolve(name));
  }

  private static void refused(String part, org.junit.jupiter.api.function.Executable action) {
    String message = assertThrows(IllegalArgumentException.class, action).getMessage();
    assertTrue(message.contains(part), message);
    assertEquals(1, message.lines().count(), message);
  }

  @Test
  void componentsThatAVariantLacksAreLeftOut() throws IOException {
    index(
        """
        {"_class_name": "WanPipeline", "_diffusers_version": "0.35", "image_encoder": [null, null],
         "boundary_ratio": null, "expand_timesteps": false,
         "vae": ["diffusers", "AutoencoderKLWan"]}
        """);
    component("vae");
    ModelFolder folder = ModelFolder.open(directory);
    assertEquals("WanPipeline", folder.pipelineClass());
    assertEquals(
        List.of(
            new ModelFolder.Component(
                "vae", "AutoencoderKLWan", ComponentFiles.in(directory.resolve("vae")))),
        List.copyOf(folder.components()));
    folder.requirePipeline(List.of("WanPipeline"));
    folder.requireComponents(Map.of("vae", List.of("AutoencoderKLWan")));
    folder.requireOff(Map.of());
  }

  @Test
  void whatIsNoModelFolderIsSaid() throws IOException {
    refused("no such folder", () -> ModelFolder.open(directory.resolve("none")));
    refused("it has no model_index.json", () -> ModelFolder.open(directory));
    index("{\"_class_name\": \"WanPipeline\", \"_class_name\": \"Other\"}");
    refused("line 1, column", () -> ModelFolder.open(directory));
    index("[]");
    refused("must be a JSON object", () -> ModelFolder.open(directory));
    index("{\"_class_name\": \"WanPipeline\", \"vae\": [\"diffusers\", \"AutoencoderKLWan\"]}");
    refused("component vae (AutoencoderKLWan) is missing", () -> ModelFolder.open(directory));
    index("{\"_class_name\": \"WanPipeline\", \"../vae\": [\"diffusers\", \"X\"]}");
    refused("must be the name of a folder", () -> ModelFolder.open(directory));
    index("{\"_class_name\": \"WanPipeline\", \"vae\": [\"diffusers\"]}");
    ModelFolder malformed = ModelFolder.open(directory);
    refused(
        "component vae must be [library, class], got [\"diffusers\"]",
        () -> malformed.requireComponents(Map.of("vae", List.of("AutoencoderKLWan"))));
  }

  @Test
  void whatIsNotSupportedIsNamedWithWhatIs() throws IOException {
    index(
        """
        {"_class_name": "WanPipelin", "boundary_ratio": 0.9, "vae": ["diffusers", "AutoencoderKL"],
         "image_encoder": ["transformers", "CLIPVisionModel"]}
        """);
    component("vae");
    component("image_encoder");
    ModelFolder folder = ModelFolder.open(directory);
    refused(
        "unknown pipeline class WanPipelin, the nearest is WanPipeline",
        () -> folder.requirePipeline(List.of("Other", "WanPipeline")));
    refused(
        "component vae: unknown class AutoencoderKL, the nearest is AutoencoderKLWan",
        () -> folder.requireComponents(Map.of("vae", List.of("AutoencoderKLWan"))));
    refused(
        "component image_encoder is not supported",
        () -> folder.requireComponents(Map.of("vae", List.of("AutoencoderKL"))));
    refused(
        "component transformer is missing",
        () -> folder.requireComponents(Map.of("transformer", List.of("WanTransformer3DModel"))));
    refused(
        "boundary_ratio = 0.9 is not supported for WanPipelin (two transformers)",
        () -> folder.requireOff(Map.of("boundary_ratio", "two transformers")));
  }

  @Test
  void aComponentMayComeFromElsewhere(@TempDir Path elsewhere) throws IOException {
    index("{\"_class_name\": \"WanPipeline\", \"scheduler\": [\"diffusers\", \"X\"]}");
    component("scheduler");
    ModelFolder folder = ModelFolder.open(directory, Map.of("scheduler", elsewhere));
    assertEquals(elsewhere, folder.component("scheduler").folder());
    refused(
        "unknown component schedule, the nearest is scheduler",
        () -> ModelFolder.open(directory, Map.of("schedule", elsewhere)));
    refused(
        "component scheduler (X) is missing",
        () -> ModelFolder.open(directory, Map.of("scheduler", elsewhere.resolve("none"))));
  }

  @Test
  void theFingerprintIsOfTheContentsAndNotOfThePlace(@TempDir Path elsewhere) throws IOException {
    index("{\"_class_name\": \"WanPipeline\", \"vae\": [\"diffusers\", \"X\"]}");
    byte[] weights = new byte[5_000_000];
    Files.write(component("vae").resolve("w.safetensors"), weights);
    Files.write(elsewhere.resolve("w.safetensors"), weights);
    String here = ModelFolder.open(directory).fingerprint();
    assertEquals(here, ModelFolder.open(directory, Map.of("vae", elsewhere)).fingerprint());
    weights[0] = 1;
    Files.write(elsewhere.resolve("w.safetensors"), weights);
    assertNotEquals(here, ModelFolder.open(directory, Map.of("vae", elsewhere)).fingerprint());
  }
}
