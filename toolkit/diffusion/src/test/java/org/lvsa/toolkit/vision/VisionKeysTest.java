// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ConfigKeys;

/** No key of an image encoder's settings is ignored without a word. */
class VisionKeysTest {
  private static final String SIGLIP = "hunyuan15_i2v/model/";
  private static final String CLIP = "wan_i2v/model/";

  @TempDir private Path directory;

  @Test
  void clip() throws IOException {
    ConfigKeys.check(
        GoldenRun.file(CLIP + "image_encoder/config.json", directory),
        file -> VisionConfig.clip(ComponentConfig.readFile(file)),
        Set.of(
            "architectures",
            "attention_dropout",
            "dtype",
            "initializer_factor",
            "initializer_range",
            "projection_dim",
            "transformers_version"));
    ConfigKeys.check(
        GoldenRun.file(CLIP + "image_processor/preprocessor_config.json", directory),
        file -> ClipPreprocessing.read(file.getParent()),
        Set.of("do_convert_rgb"));
  }

  @Test
  void siglip() throws IOException {
    ConfigKeys.check(
        GoldenRun.file(SIGLIP + "image_encoder/config.json", directory),
        file -> VisionConfig.siglip(ComponentConfig.readFile(file)),
        Set.of("architectures", "attention_dropout", "dtype", "transformers_version"));
    ConfigKeys.check(
        GoldenRun.file(SIGLIP + "feature_extractor/preprocessor_config.json", directory),
        file -> SiglipPreprocessing.read(file.getParent()),
        Set.of("do_convert_rgb"));
  }
}
