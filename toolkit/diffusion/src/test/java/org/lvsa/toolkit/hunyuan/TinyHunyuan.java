// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.tensor.Safetensors;
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

  /** Unpacks the model that begins with a picture, which shares most parts with the other one. */
  public static Path unpackWithPicture(Path directory) throws IOException {
    Path model = unpack(directory);
    String with = "hunyuan15_i2v/model/";
    for (String file :
        new String[] {
          "model_index.json",
          "transformer/config.json",
          "image_encoder/config.json",
          "image_encoder/model.safetensors",
          "feature_extractor/preprocessor_config.json"
        }) {
      Path to = model.resolve(file);
      Files.createDirectories(to.getParent());
      Files.copy(GoldenRun.file(with + file, directory), to, StandardCopyOption.REPLACE_EXISTING);
    }
    return model;
  }

  /** Gives an unpacked transformer the weights that tell it the next time step too. */
  static void addMeanFlow(Path model, Path directory) throws IOException {
    Path transformer = model.resolve("transformer");
    Path config = transformer.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config).replace("\"use_meanflow\": false", "\"use_meanflow\": true"));
    Path more = GoldenRun.file("hunyuan15_i2v/meanflow_weights.safetensors", directory);
    String name = "diffusion_pytorch_model";
    ObjectNode shards = new ObjectMapper().createObjectNode();
    ObjectNode map = shards.putObject("weight_map");
    Path[] files = {transformer.resolve(name + ".safetensors"), more};
    for (int shard = 0; shard < files.length; shard++) {
      String its = name + "-0000" + (shard + 1) + "-of-00002.safetensors";
      for (String tensor : names(files[shard])) {
        map.put(tensor, its);
      }
      Files.move(files[shard], transformer.resolve(its));
    }
    Files.writeString(transformer.resolve(name + ".safetensors.index.json"), shards.toString());
  }

  private static List<String> names(Path file) {
    try (Arena arena = Arena.ofConfined()) {
      return Safetensors.open(file, arena).names();
    }
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
