// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.hunyuan.TinyHunyuan;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Memory;

/** What {@code models inspect} says about a folder and this machine. */
class InspectCommandTest {
  @TempDir private Path directory;
  private Path model;

  @BeforeEach
  void unpack() throws IOException {
    model = GoldenRun.wanModel(directory);
  }

  private static Map<String, JsonNode> runs(JsonNode root) {
    Map<String, JsonNode> runs = new TreeMap<>();
    root.get("runs").forEach(one -> runs.put(one.get("what").textValue(), one));
    return runs;
  }

  @Test
  void itSaysWhatRunsHereAndWhatDoesNot() {
    Run json =
        Run.lvsa(
            "models", "inspect", model, "--frames", 9, "--resolution", "48x32", "--format", "json");
    assertEquals(0, json.code(), json.err());
    JsonNode root = Json.parse(json.out(), "inspect");
    JsonNode types = root.get("components").get("transformer").get("dtypes");
    assertEquals(1, types.size());
    assertTrue(types.get("F32").longValue() > 0);
    assertFalse(root.get("components").get("scheduler").has("dtypes"));
    Map<String, JsonNode> runs = runs(root);
    for (String here :
        new String[] {"pipeline WanPipeline", "9 frames of 48x32", "backend reference"}) {
      assertTrue(runs.get(here).get("here").booleanValue(), here);
    }
    assertEquals(
        "sound is not supported by this pipeline (WanPipeline)",
        runs.get("sound").get("reason").textValue());
    Run text = Run.lvsa("models", "inspect", model, "--frames", 9, "--resolution", "48x32");
    assertTrue(text.out().contains("runs here   pipeline WanPipeline"), text.out());
    assertTrue(
        text.out().lines().anyMatch(line -> line.matches("component +vae .* MiB  F32 [0-9.]+ MiB")),
        text.out());
    assertTrue(text.out().contains("does not    a picture to begin with: "), text.out());
  }

  @Test
  void aVideoThatDoesNotFitIsSaidNotToRun() {
    Assumptions.assumeTrue(Memory.available() < 100L << 30, "skipped: the video fits this machine");
    Run run = Run.lvsa("models", "inspect", model, "--frames", 2001, "--resolution", "4000x4000");
    assertEquals(0, run.code(), run.err());
    String line =
        run.out()
            .lines()
            .filter(one -> one.contains("2001 frames of 4000x4000: "))
            .findFirst()
            .get();
    assertTrue(line.contains(" MiB of memory, ") && line.contains(" MiB are free here"), line);
  }

  @Test
  void whatIsInAFolderThatCannotRunIsPrintedAllTheSame() throws IOException {
    Path index = model.resolve("model_index.json");
    Files.writeString(index, Files.readString(index).replace("WanPipeline", "WanAnimatePipelines"));
    Run run = Run.lvsa("models", "inspect", model);
    assertRefused(run, "WanAnimatePipelines");
    assertTrue(run.out().startsWith("class       WanAnimatePipelines"), run.out());
    assertTrue(run.out().contains("component   transformer    WanTransformer3DModel"), run.out());
    assertTrue(run.out().contains("pipeline WanAnimatePipelines: "), run.out());
  }

  /** Each folder with its class, its components, its sizes, and what of it runs. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "wan_i2v/model|WanImageToVideoPipeline|2|a picture to begin with",
        "wan22/a14b/model|WanPipeline|2|a second guidance scale",
        "wan22/ti2v5b/model|WanPipeline|2|a picture to begin with",
        "cogvideox/model|CogVideoXPipeline|2|guidance that changes from step to step",
        "hunyuan15/model|HunyuanVideo15Pipeline|2|guidance with a guider's options"
      })
  void eachFamilyIsDescribed(String folder, String className, int heads, String takes)
      throws IOException {
    Path its =
        switch (folder) {
          case "cogvideox/model" -> GoldenRun.cogVideoXModel(directory.resolve("cogvideox"));
          case "hunyuan15/model" -> TinyHunyuan.unpack(directory.resolve("hunyuan"));
          default -> GoldenRun.folder(folder, directory.resolve("other"));
        };
    Run run =
        Run.lvsa(
            "models", "inspect", its, "--frames", 9, "--resolution", "64x64", "--format", "json");
    assertEquals(0, run.code(), run.err());
    JsonNode root = Json.parse(run.out(), "inspect");
    assertEquals(className, root.get("class").textValue());
    JsonNode index = Json.read(its.resolve("model_index.json"));
    for (Map.Entry<String, JsonNode> component : root.get("components").properties()) {
      assertEquals(index.get(component.getKey()).get(1), component.getValue().get("class"));
      boolean weights = component.getKey().matches("(text|image)_encoder.*|transformer.*|vae");
      assertEquals(weights, component.getValue().has("dtypes"), component.getKey());
    }
    assertEquals(heads, root.get("geometry").get("heads").intValue());
    for (String part : new String[] {"encoding_the_prompts", "denoising", "decoding"}) {
      assertTrue(root.get("memory_bytes").get(part).longValue() > 0, part);
    }
    assertTrue(runs(root).get("pipeline " + className).get("here").booleanValue());
    assertTrue(runs(root).get(takes).get("here").booleanValue(), takes);
    assertFalse(runs(root).get("a picture to edit").get("here").booleanValue());
  }

  private void breakShard(String how) throws IOException {
    Path shard = model.resolve("transformer/diffusion_pytorch_model-00002-of-00006.safetensors");
    byte[] whole = Files.readAllBytes(shard);
    switch (how) {
      case "missing" -> Files.delete(shard);
      case "truncated" -> Files.write(shard, Arrays.copyOf(whole, whole.length - 1));
      case "header cut" -> Files.write(shard, Arrays.copyOf(whole, 5));
      case "empty" -> Files.write(shard, new byte[0]);
      case "whole numbers" ->
          Files.write(
              shard,
              new String(whole, StandardCharsets.ISO_8859_1)
                  .replaceFirst("\"dtype\":\"F32\"", "\"dtype\":\"I32\"")
                  .getBytes(StandardCharsets.ISO_8859_1));
      default -> throw new IllegalArgumentException(how);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "missing|-00002-of-00006.safetensors",
        "truncated|-00002-of-00006.safetensors",
        "header cut|-00002-of-00006.safetensors",
        "empty|-00002-of-00006.safetensors",
        "whole numbers|of a type that is not read"
      })
  void aBrokenShardIsNamedAndTheRestIsPrinted(String how, String named) throws IOException {
    breakShard(how);
    Run run = Run.lvsa("models", "inspect", model);
    assertRefused(run, named);
    assertTrue(run.out().startsWith("class       WanPipeline"), run.out());
    assertTrue(
        run.out().lines().anyMatch(line -> line.matches("component +vae .* F32 [0-9.]+ MiB")),
        run.out());
    assertTrue(run.out().contains("component   transformer    WanTransformer3DModel"), run.out());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "model_index.json|WanTransformer3DModel|WanTransformer4DModel|unknown class WanTransformer4DModel, the nearest is WanTransformer3DModel",
        "model_index.json|\"vae\"|\"vea\"|vea: component vea (AutoencoderKLWan) is missing",
        "model_index.json|\"_class_name\"|\"class\"|_class_name",
        "model_index.json|{|[|model_index.json",
        "transformer/config.json|\"num_layers\": 2|\"num_layers\": 3|missing",
        "transformer/config.json|\"num_layers\": 2|\"num_layers\": \"2\"|num_layers must be a whole number from 1",
        "transformer/config.json|\"qk_norm\"|\"quantization_config\": {\"bits\": 8}, \"qk_norm\"|quantization_config",
        "vae/config.json|AutoencoderKLWan|AutoencoderKLMagi|AutoencoderKLMagi",
        "scheduler/scheduler_config.json|\"solver_order\": 2|\"solver_order\": 4|solver_order must be 1, 2 or 3"
      })
  void aBrokenSettingIsOneLine(String file, String published, String broken, String named)
      throws IOException {
    Path path = model.resolve(file);
    String text = Files.readString(path);
    assertTrue(text.contains(published), text);
    Files.writeString(path, text.replace(published, broken));
    assertRefused(Run.lvsa("models", "inspect", model), named);
  }

  @Test
  void whatIsNoModelIsOneLine() throws IOException {
    assertRefused(Run.lvsa("models", "inspect", directory.resolve("none")), "no such folder");
    assertRefused(Run.lvsa("models", "inspect", model.resolve("vae")), "has no model_index.json");
  }

  private static void assertRefused(Run run, String named) {
    assertEquals(2, run.code(), run.err());
    assertEquals(1, run.err().strip().lines().count(), run.err());
    assertTrue(run.err().contains(named), run.err());
  }
}
