// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.io.IOException;
import java.nio.file.Path;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.weights.ComponentFiles;

/** The folder of the tiny HunyuanVideo 1.5 model. */
public final class TinyHunyuan {
  private static final String MODEL = "hunyuan15/model/";

  private TinyHunyuan() {}

  /** Unpacks all components to a directory. */
  public static Path unpack(Path directory) throws IOException {
    for (String component : new String[] {"transformer", "vae", "text_encoder", "text_encoder_2"}) {
      GoldenRun.component(MODEL + component, directory);
    }
    for (String file :
        new String[] {
          "tokenizer/tokenizer.json",
          "tokenizer/tokenizer_config.json",
          "tokenizer_2/tokenizer_config.json",
          "scheduler/scheduler_config.json",
          "guider/guider_config.json"
        }) {
      GoldenRun.file(MODEL + file, directory);
    }
    return GoldenRun.file(MODEL + "model_index.json", directory).getParent();
  }

  /** The text encoders of an unpacked model. */
  static TextEncoders encoders(Path model) {
    return TextEncoders.open(
        new TextEncoders.Folders(
            model.resolve("tokenizer"),
            ComponentFiles.in(model.resolve("text_encoder")),
            model.resolve("tokenizer_2"),
            ComponentFiles.in(model.resolve("text_encoder_2"))),
        false);
  }
}
