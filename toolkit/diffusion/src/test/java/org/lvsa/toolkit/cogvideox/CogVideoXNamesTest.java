// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.TestWeights;

/** A transformer's weights under the names of the publisher's own files. */
class CogVideoXNamesTest {
  private static final String PREFIX = "model.diffusion_model.";
  private static final String NORMS = PREFIX + "mixins.adaln_layer.";

  @TempDir private Path directory;

  private static String original(String name) {
    return name.replaceFirst("^", PREFIX)
        .replaceFirst(
            "transformer_blocks\\.(\\d+)\\.attn1\\.norm_q",
            "mixins.adaln_layer.query_layernorm_list.$1")
        .replaceFirst(
            "transformer_blocks\\.(\\d+)\\.attn1\\.norm_k",
            "mixins.adaln_layer.key_layernorm_list.$1")
        .replace("transformer_blocks.", "transformer.layers.")
        .replace(".norm1.norm.", ".input_layernorm.")
        .replace(".norm2.norm.", ".post_attention_layernorm.")
        .replace(".attn1.to_out.0.", ".attention.dense.")
        .replace(".ff.net.0.proj.", ".mlp.dense_h_to_4h.")
        .replace(".ff.net.2.", ".mlp.dense_4h_to_h.")
        .replace("norm_final.", "transformer.final_layernorm.")
        .replace("norm_out.norm.", "mixins.final_layer.norm_final.")
        .replace("norm_out.linear.", "mixins.final_layer.adaLN_modulation.1.")
        .replace("proj_out.", "mixins.final_layer.linear.")
        .replace("patch_embed.", "mixins.patch_embed.")
        .replace("time_embedding.linear_1.", "time_embed.0.")
        .replace("time_embedding.linear_2.", "time_embed.2.");
  }

  @ParameterizedTest
  @ValueSource(strings = {"model/transformer", "transformer_cog2b", "transformer_cog15"})
  void eachTensorIsFound(String transformer) throws IOException {
    Path folder = GoldenRun.component("cogvideox/" + transformer, directory);
    Path file = directory.resolve("single.safetensors");
    TestWeights.copyRenamed(folder, file, CogVideoXNamesTest::original);
    int layers = ComponentConfig.read(folder).size("num_layers");
    for (int layer = 0; layer < layers; layer++) {
      String at = PREFIX + "transformer.layers." + layer + ".";
      for (String kind : new String[] {".weight", ".bias"}) {
        TestWeights.stackRows(
            file,
            List.of(at + "attn1.to_q" + kind, at + "attn1.to_k" + kind, at + "attn1.to_v" + kind),
            at + "attention.query_key_value" + kind);
        for (String norm : new String[] {"norm1", "norm2"}) {
          TestWeights.splitRows(
              file, at + norm + ".linear" + kind, List.of("video" + norm, "text" + norm));
        }
        // Video and text of the first norm, and those of the second one, are a half apart.
        TestWeights.stackRows(
            file,
            List.of("videonorm1", "videonorm2", "textnorm1", "textnorm2"),
            NORMS + "adaLN_modulations." + layer + ".1" + kind);
      }
    }
    TestWeights.assertSame(folder, file, CogVideoXNames.TRANSFORMER);
    TestWeights.assertSame(folder, folder, CogVideoXNames.TRANSFORMER);
  }
}
