// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.weights.TestWeights;

/** Autoencoders' weights under the names of the publishers' own files. */
class VaeNamesTest {
  @TempDir private Path directory;

  private Path file() {
    return directory.resolve("single.safetensors");
  }

  @Test
  void wan21() throws IOException {
    Path folder = GoldenRun.component("wan/model/vae", directory);
    TestWeights.copyRenamed(folder, file(), OriginalVaeNames.flat(folder));
    TestWeights.assertSame(folder, file(), VaeNames.wan(WanVaeConfig.read(folder)));
    TestWeights.assertSame(folder, folder, VaeNames.wan(WanVaeConfig.read(folder)));
  }

  @Test
  void wan22() throws IOException {
    Path folder = GoldenRun.component("wan22/ti2v5b/model/vae", directory);
    TestWeights.copyRenamed(folder, file(), OriginalVaeNames.nested(folder));
    TestWeights.assertSame(folder, file(), VaeNames.wan(WanVaeConfig.read(folder)));
    TestWeights.assertSame(folder, folder, VaeNames.wan(WanVaeConfig.read(folder)));
  }

  @Test
  void hunyuan() throws IOException {
    Path folder = GoldenRun.component("hunyuan15/model/vae", directory);
    TestWeights.copyRenamed(
        folder,
        file(),
        name ->
            name.replaceFirst("down_blocks\\.(\\d+)\\.resnets", "down.$1.block")
                .replaceFirst("down_blocks\\.(\\d+)\\.downsamplers\\.0", "down.$1.downsample")
                .replaceFirst("up_blocks\\.(\\d+)\\.resnets", "up.$1.block")
                .replaceFirst("up_blocks\\.(\\d+)\\.upsamplers\\.0", "up.$1.upsample")
                .replace("mid_block.resnets.0", "mid.block_1")
                .replace("mid_block.resnets.1", "mid.block_2")
                .replace("mid_block.attentions.0.to_", "mid.attn_1.")
                .replace("mid_block.attentions.0", "mid.attn_1"));
    TestWeights.assertSame(folder, file(), VaeNames.HUNYUAN);
    TestWeights.assertSame(folder, folder, VaeNames.HUNYUAN);
  }

  @Test
  void cogVideoX() throws IOException {
    Path folder = GoldenRun.component("cogvideox/model/vae", directory);
    CogVideoXVaeConfig config = CogVideoXVaeConfig.read(folder);
    TestWeights.copyRenamed(
        folder,
        file(),
        name -> {
          String[] parts = name.split("\\.");
          if (name.startsWith("decoder.up_blocks.")) {
            // The lowest resolution is the last one there.
            parts[1] = "up";
            parts[2] = "" + (config.channels().size() - 1 - Integer.parseInt(parts[2]));
          }
          return String.join(".", parts)
              .replace("down_blocks.", "down.")
              .replace("mid_block.resnets.0", "mid.block_1")
              .replace("mid_block.resnets.1", "mid.block_2")
              .replace(".resnets.", ".block.")
              .replace(".downsamplers.0", ".downsample")
              .replace(".upsamplers.0", ".upsample")
              .replace("conv_shortcut", "nin_shortcut");
        });
    TestWeights.assertSame(folder, file(), VaeNames.cogVideoX(config));
    TestWeights.assertSame(folder, folder, VaeNames.cogVideoX(config));
  }
}
