// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.Pipelines;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.vae.OriginalVaeNames;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.PublishedNames;
import org.lvsa.toolkit.weights.TestWeights;
import org.lvsa.toolkit.weights.Weights;

/** Wan's weights under the names of the publisher's own repository, in single files. */
class WanNamesTest {
  @TempDir private Path directory;

  /** Name of diffusers, without layer and without weight or bias → name in Wan's repository. */
  private static final Map<String, String> ORIGINAL = new HashMap<>();

  static {
    ORIGINAL.put("patch_embedding", "patch_embedding");
    ORIGINAL.put("condition_embedder.time_embedder.linear_1", "time_embedding.0");
    ORIGINAL.put("condition_embedder.time_embedder.linear_2", "time_embedding.2");
    ORIGINAL.put("condition_embedder.time_proj", "time_projection.1");
    ORIGINAL.put("condition_embedder.text_embedder.linear_1", "text_embedding.0");
    ORIGINAL.put("condition_embedder.text_embedder.linear_2", "text_embedding.2");
    ORIGINAL.put("condition_embedder.image_embedder.norm1", "img_emb.proj.0");
    ORIGINAL.put("condition_embedder.image_embedder.ff.net.0.proj", "img_emb.proj.1");
    ORIGINAL.put("condition_embedder.image_embedder.ff.net.2", "img_emb.proj.3");
    ORIGINAL.put("condition_embedder.image_embedder.norm2", "img_emb.proj.4");
    ORIGINAL.put("condition_embedder.image_embedder.pos_embed", "img_emb.emb_pos");
    ORIGINAL.put("scale_shift_table", "head.modulation");
    ORIGINAL.put("proj_out", "head.head");
    ORIGINAL.put("blocks.scale_shift_table", "blocks.modulation");
    ORIGINAL.put("blocks.norm2", "blocks.norm3");
    ORIGINAL.put("blocks.ffn.net.0.proj", "blocks.ffn.0");
    ORIGINAL.put("blocks.ffn.net.2", "blocks.ffn.2");
    ORIGINAL.put("blocks.attn2.add_k_proj", "blocks.cross_attn.k_img");
    ORIGINAL.put("blocks.attn2.add_v_proj", "blocks.cross_attn.v_img");
    ORIGINAL.put("blocks.attn2.norm_added_k", "blocks.cross_attn.norm_k_img");
    for (String attention : new String[] {"attn1 self_attn", "attn2 cross_attn"}) {
      String theirs = "blocks." + attention.split(" ")[0] + ".";
      String original = "blocks." + attention.split(" ")[1] + ".";
      ORIGINAL.put(theirs + "to_q", original + "q");
      ORIGINAL.put(theirs + "to_k", original + "k");
      ORIGINAL.put(theirs + "to_v", original + "v");
      ORIGINAL.put(theirs + "to_out.0", original + "o");
      ORIGINAL.put(theirs + "norm_q", original + "norm_q");
      ORIGINAL.put(theirs + "norm_k", original + "norm_k");
    }
  }

  private static String original(String name) {
    String layer = name.startsWith("blocks.") ? name.split("\\.")[1] : "";
    String general = layer.isEmpty() ? name : name.replaceFirst("\\." + layer + "\\.", ".");
    String ending =
        general.endsWith(".weight") ? ".weight" : general.endsWith(".bias") ? ".bias" : "";
    String found = ORIGINAL.get(general.substring(0, general.length() - ending.length()));
    return (layer.isEmpty() ? found : found.replaceFirst("blocks\\.", "blocks." + layer + "."))
        + ending;
  }

  private static String originalText(String name) {
    String[] parts = name.split("\\.");
    if (parts.length < 5) {
      return name.equals("shared.weight") ? "token_embedding.weight" : "norm.weight";
    }
    String block = "blocks." + parts[2] + ".";
    String rest = name.substring(name.indexOf(".layer.") + ".layer.".length());
    return block
        + switch (rest) {
          case "0.layer_norm.weight" -> "norm1.weight";
          case "1.layer_norm.weight" -> "norm2.weight";
          case "0.SelfAttention.relative_attention_bias.weight" -> "pos_embedding.embedding.weight";
          case "1.DenseReluDense.wi_0.weight" -> "ffn.gate.0.weight";
          case "1.DenseReluDense.wi_1.weight" -> "ffn.fc1.weight";
          case "1.DenseReluDense.wo.weight" -> "ffn.fc2.weight";
          default -> "attn." + rest.substring("0.SelfAttention.".length());
        };
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "wan/model/transformer",
        "wan_i2v/model/transformer",
        "wan_i2v/transformer_flf",
        "wan22/ti2v5b/model/transformer"
      })
  void eachTensorOfATransformerIsFound(String component) throws IOException {
    Path folder = GoldenRun.component(component, directory);
    Path file = directory.resolve("single.safetensors");
    TestWeights.copyRenamed(folder, file, WanNamesTest::original);
    TestWeights.assertSame(folder, file, WanNames.TRANSFORMER);
    TestWeights.copyRenamed(
        folder, file, name -> "model.diffusion_model." + WanNamesTest.original(name));
    TestWeights.assertSame(folder, file, WanNames.TRANSFORMER);
    TestWeights.assertSame(folder, folder, WanNames.TRANSFORMER);
  }

  /** As diffusers stores a transformer whose projections were fused. */
  @Test
  void layersOfOneInputMayBeStoredAsAWhole() throws IOException {
    Path folder = GoldenRun.component("wan_i2v/model/transformer", directory);
    Path file = directory.resolve("fused.safetensors");
    TestWeights.copyRenamed(folder, file, name -> name);
    int layers = WanConfig.of(ComponentConfig.read(folder)).layers();
    for (int layer = 0; layer < layers; layer++) {
      for (String kind : new String[] {".weight", ".bias"}) {
        stack(file, "blocks." + layer + ".attn1.", kind, "to_qkv", "to_q", "to_k", "to_v");
        stack(file, "blocks." + layer + ".attn2.", kind, "to_kv", "to_k", "to_v");
        stack(file, "blocks." + layer + ".attn2.", kind, "to_added_kv", "add_k_proj", "add_v_proj");
      }
    }
    TestWeights.assertSame(folder, file, WanNames.TRANSFORMER);
  }

  private static void stack(Path file, String prefix, String kind, String whole, String... parts)
      throws IOException {
    TestWeights.stackRows(
        file,
        Arrays.stream(parts).map(part -> prefix + part + kind).toList(),
        prefix + whole + kind);
  }

  @Test
  void oneOfThreeThatIsMissingIsNamed() throws IOException {
    Path folder = GoldenRun.component("wan/model/transformer", directory);
    Path file = directory.resolve("missing.safetensors");
    TestWeights.copyRenamed(
        folder, file, name -> name.equals("blocks.1.attn1.to_k.weight") ? "other" : name);
    String message =
        assertThrows(
                MalformedFileException.class,
                () -> WanTransformer.open(new ComponentFiles(folder, file), true).close())
            .getMessage();
    assertTrue(message.contains("1 missing: blocks.1.attn1.to_k.weight"), message);
  }

  /** The publisher's repository, single files of others, and diffusers. */
  @ParameterizedTest
  @CsvSource({
    "original, ''",
    "original, model.diffusion_model.",
    "original, diffusion_model.",
    "diffusers, ''"
  })
  void modelsOfTheTrueSizesFindEachTensor(String naming, String prefix) throws IOException {
    for (String model :
        new String[] {
          "wan21-t2v-1.3b",
          "wan21-t2v-14b",
          "wan21-i2v-14b",
          "wan21-flf2v-14b",
          "wan22-t2v-a14b",
          "wan22-i2v-a14b",
          "wan22-ti2v-5b"
        }) {
      ComponentFiles files = PublishedNames.read(naming + "/" + model).component(directory, prefix);
      WanConfig config = WanConfig.of(ComponentConfig.read(files.folder()));
      try (Weights weights = Weights.open(files.weights(), WanNames.TRANSFORMER)) {
        weights.check(config.tensors(), Set.of(), false);
      }
    }
  }

  @Test
  void singleFilesOfTheOriginalNamesMakeTheSameVideo() throws IOException {
    Path folder = GoldenRun.wanModel(directory);
    Path transformer = directory.resolve("wan2.1_t2v.safetensors");
    TestWeights.copyRenamed(folder.resolve("transformer"), transformer, WanNamesTest::original);
    Path text = directory.resolve("models_t5_umt5-xxl-enc.safetensors");
    TestWeights.copyRenamed(folder.resolve("text_encoder"), text, WanNamesTest::originalText);
    Path vae = directory.resolve("Wan2.1_VAE.safetensors");
    TestWeights.copyRenamed(
        folder.resolve("vae"), vae, OriginalVaeNames.flat(folder.resolve("vae")));
    float[] expected = generate(folder, Map.of());
    Map<String, Path> files = Map.of("transformer", transformer, "text_encoder", text, "vae", vae);
    assertArrayEquals(expected, generate(folder, files));
    assertArrayEquals(
        expected,
        generate(folder, Map.of("transformer", repository(folder.resolve("transformer")))));
  }

  /** A folder as in the publisher's repository: other keys in the configuration, and shards. */
  private Path repository(Path transformer) throws IOException {
    Path folder = Files.createDirectories(directory.resolve("Wan2.1-T2V-14B"));
    Files.writeString(
        folder.resolve("config.json"),
        "{\"_class_name\": \"WanModel\", \"dim\": 40, \"model_type\": \"t2v\"}");
    TestWeights.writeShards(
        transformer, folder, "diffusion_pytorch_model", WanNamesTest::original, 12);
    return folder;
  }

  /** The latents, and the first decoded value of each frame behind them. */
  private static float[] generate(Path folder, Map<String, Path> replaced) {
    GenerationSettings settings =
        new GenerationSettings(
            new GenerationSettings.Prompts("Horses gallop", "static"),
            new VideoSize(new Resolution(48, 32), 9),
            2,
            new GuidanceSettings(4, false),
            OptionalDouble.empty(),
            new StartingLatents.Seed(5));
    try (VideoPipeline pipeline =
            Pipelines.open(ModelFolder.open(folder, replaced), Optional.empty(), false);
        Denoising denoising = pipeline.prepare(settings);
        GenerationAttention attention =
            WanPipelineGoldenTest.attention(Map.of(), pipeline, settings)) {
      float[] latents = denoising.run(attention, Optional.empty(), (step, sample, history) -> {});
      float[] both = Arrays.copyOf(latents, latents.length + 9);
      pipeline.decode(
          settings.size(),
          latents,
          Optional.empty(),
          (first, frames) -> {
            for (int i = 0; i < frames.frames(); i++) {
              both[latents.length + first + i] =
                  frames
                      .memory()
                      .getAtIndex(
                          ValueLayout.JAVA_FLOAT,
                          (long) i * frames.height() * frames.width() * frames.channels());
            }
          });
      return both;
    }
  }
}
