// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ConfigKeys;

/** No key of HunyuanVideo 1.5's own settings is ignored without a word. */
class HunyuanKeysTest {
  @TempDir private Path directory;

  @Test
  void theTransformers() throws IOException {
    ConfigKeys.check(
        GoldenRun.file("hunyuan15/model/transformer/config.json", directory),
        file -> HunyuanConfig.of(ComponentConfig.readFile(file), 40),
        Set.of("task_type"));
  }

  @Test
  void theGuiders() throws IOException {
    ConfigKeys.check(
        GoldenRun.file("hunyuan15/model/guider/guider_config.json", directory),
        file -> GuiderFile.read(file.getParent()),
        Set.of());
  }

  @Test
  void theConversationsTemplate() throws IOException {
    Path config = GoldenRun.file("hunyuan15/model/tokenizer/tokenizer_config.json", directory);
    PromptTexts.requireTemplate(config.getParent());
    Files.writeString(config, "{\"chat_template\": \"[INST] {{ message }} [/INST]\"}");
    String said =
        assertThrows(
                MalformedFileException.class, () -> PromptTexts.requireTemplate(config.getParent()))
            .getMessage();
    assertTrue(said.contains("chat_template must begin turns with <|im_start|>"), said);
    Files.writeString(config, "{\"chat_template\": null}");
    PromptTexts.requireTemplate(config.getParent());
  }
}
