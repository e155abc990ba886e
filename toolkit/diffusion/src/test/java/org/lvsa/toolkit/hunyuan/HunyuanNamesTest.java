// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.PublishedNames;
import org.lvsa.toolkit.weights.TestWeights;
import org.lvsa.toolkit.weights.Weights;

/** A transformer's weights under the names of the publisher's own repository. */
class HunyuanNamesTest {
  private static final Map<String, String> ORIGINAL = new HashMap<>();

  static {
    ORIGINAL.put("time_embed.timestep_embedder.linear_1", "time_in.mlp.0");
    ORIGINAL.put("time_embed.timestep_embedder.linear_2", "time_in.mlp.2");
    String time = "context_embedder.time_text_embed.";
    ORIGINAL.put(time + "timestep_embedder.linear_1", "txt_in.t_embedder.mlp.0");
    ORIGINAL.put(time + "timestep_embedder.linear_2", "txt_in.t_embedder.mlp.2");
    ORIGINAL.put(time + "text_embedder.linear_1", "txt_in.c_embedder.linear_1");
    ORIGINAL.put(time + "text_embedder.linear_2", "txt_in.c_embedder.linear_2");
    ORIGINAL.put("context_embedder.proj_in", "txt_in.input_embedder");
    ORIGINAL.put("context_embedder_2.norm", "byt5_in.layernorm");
    ORIGINAL.put("context_embedder_2.linear_1", "byt5_in.fc1");
    ORIGINAL.put("context_embedder_2.linear_2", "byt5_in.fc2");
    ORIGINAL.put("context_embedder_2.linear_3", "byt5_in.fc3");
    ORIGINAL.put("image_embedder.norm_in", "vision_in.proj.0");
    ORIGINAL.put("image_embedder.linear_1", "vision_in.proj.1");
    ORIGINAL.put("image_embedder.linear_2", "vision_in.proj.3");
    ORIGINAL.put("image_embedder.norm_out", "vision_in.proj.4");
    ORIGINAL.put("x_embedder.proj", "img_in.proj");
    ORIGINAL.put("cond_type_embed", "cond_type_embedding");
    ORIGINAL.put("proj_out", "final_layer.linear");
  }

  private static void block(String ours, String theirs) {
    ORIGINAL.put(ours + "norm1.linear", theirs + "img_mod.linear");
    ORIGINAL.put(ours + "norm1_context.linear", theirs + "txt_mod.linear");
    for (String projection : new String[] {"q", "k", "v"}) {
      ORIGINAL.put(ours + "attn.to_" + projection, theirs + "img_attn_" + projection);
      ORIGINAL.put(ours + "attn.add_" + projection + "_proj", theirs + "txt_attn_" + projection);
      ORIGINAL.put(ours + "attn.norm_" + projection, theirs + "img_attn_" + projection + "_norm");
      ORIGINAL.put(
          ours + "attn.norm_added_" + projection, theirs + "txt_attn_" + projection + "_norm");
    }
    ORIGINAL.put(ours + "attn.to_out.0", theirs + "img_attn_proj");
    ORIGINAL.put(ours + "attn.to_add_out", theirs + "txt_attn_proj");
    ORIGINAL.put(ours + "ff.net.0.proj", theirs + "img_mlp.fc1");
    ORIGINAL.put(ours + "ff.net.2", theirs + "img_mlp.fc2");
    ORIGINAL.put(ours + "ff_context.net.0.proj", theirs + "txt_mlp.fc1");
    ORIGINAL.put(ours + "ff_context.net.2", theirs + "txt_mlp.fc2");
  }

  private static void refiner(String ours, String theirs) {
    ORIGINAL.put(ours + "norm1", theirs + "norm1");
    ORIGINAL.put(ours + "norm2", theirs + "norm2");
    ORIGINAL.put(ours + "attn.to_out.0", theirs + "self_attn_proj");
    ORIGINAL.put(ours + "ff.net.0.proj", theirs + "mlp.fc1");
    ORIGINAL.put(ours + "ff.net.2", theirs + "mlp.fc2");
    ORIGINAL.put(ours + "norm_out.linear", theirs + "adaLN_modulation.1");
  }

  private static String original(String name) {
    int end = name.lastIndexOf('.');
    String found = ORIGINAL.get(name.substring(0, end));
    // What is joined or cut afterwards keeps its name.
    return found == null ? name : found + name.substring(end);
  }

  @ParameterizedTest
  @CsvSource({"original, ''", "original, model.diffusion_model.", "diffusers, ''"})
  void theModelOfTheTrueSizeFindsEachTensor(String naming, String prefix, @TempDir Path directory)
      throws IOException {
    ComponentFiles files =
        PublishedNames.read(naming + "/hunyuan15-transformer").component(directory, prefix);
    HunyuanConfig config =
        HunyuanConfig.of(ComponentConfig.read(files.folder()), HunyuanConfig.GLYPH_HIDDEN);
    try (Weights weights = Weights.open(files.weights(), HunyuanNames.TRANSFORMER)) {
      weights.check(config.tensors(), Set.of(), false);
    }
  }

  @Test
  void eachTensorIsFound(@TempDir Path directory) throws IOException {
    Path folder = GoldenRun.component("hunyuan15/model/transformer", directory);
    ComponentConfig config = ComponentConfig.read(folder);
    for (int layer = 0; layer < config.size("num_layers"); layer++) {
      block(HunyuanConfig.blockPrefix(layer), "double_blocks." + layer + ".");
    }
    int refiners = config.size("num_refiner_layers");
    for (int layer = 0; layer < refiners; layer++) {
      refiner(
          HunyuanConfig.refinerPrefix(layer),
          "txt_in.individual_token_refiner.blocks." + layer + ".");
    }
    Path file = directory.resolve("single.safetensors");
    TestWeights.copyRenamed(folder, file, HunyuanNamesTest::original);
    for (String kind : new String[] {"weight", "bias"}) {
      for (int layer = 0; layer < refiners; layer++) {
        String attention = HunyuanConfig.refinerPrefix(layer) + "attn.to_";
        TestWeights.stackRows(
            file,
            List.of(attention + "q." + kind, attention + "k." + kind, attention + "v." + kind),
            "txt_in.individual_token_refiner.blocks." + layer + ".self_attn_qkv." + kind);
      }
      TestWeights.swapHalves(
          file, "norm_out.linear." + kind, "final_layer.adaLN_modulation.1." + kind);
    }
    TestWeights.assertSame(folder, file, HunyuanNames.TRANSFORMER);
    TestWeights.assertSame(folder, folder, HunyuanNames.TRANSFORMER);
  }
}
