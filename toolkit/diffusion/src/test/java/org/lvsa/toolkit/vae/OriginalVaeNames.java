// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.nio.file.Path;
import java.util.function.UnaryOperator;

/** From the names of diffusers to those that publishers' own autoencoder files have. */
public final class OriginalVaeNames {
  private OriginalVaeNames() {}

  /** Wan 2.1's, whose decoder counts residual blocks and upsamplers in one row. */
  public static UnaryOperator<String> flat(Path folder) {
    int row = WanVaeConfig.read(folder).resnets() + 2;
    return name -> {
      String[] parts = name.split("\\.", 6);
      if (name.startsWith("encoder.down_blocks.")) {
        return part(name.replace("encoder.down_blocks.", "encoder.downsamples."));
      }
      if (name.startsWith("decoder.up_blocks.")) {
        int level = Integer.parseInt(parts[2]);
        int at = parts[3].equals("upsamplers") ? row - 1 : Integer.parseInt(parts[4]);
        return part("decoder.upsamples." + (level * row + at) + "." + parts[5]);
      }
      return common(name);
    };
  }

  /** Wan 2.2's, which has a row for each resolution. */
  static UnaryOperator<String> nested(Path folder) {
    int resnets = WanVaeConfig.read(folder).resnets();
    return name -> {
      if (!name.contains("coder.down_blocks.") && !name.contains("coder.up_blocks.")) {
        return common(name);
      }
      return part(
          name.replace("down_blocks.", "downsamples.")
              .replace("up_blocks.", "upsamples.")
              .replaceFirst("(down|up)samples\\.(\\d+)\\.resnets", "$1samples.$2.$1samples")
              .replaceFirst("\\.downsampler\\.", ".downsamples." + resnets + ".")
              .replaceFirst("\\.upsampler\\.", ".upsamples." + (resnets + 1) + "."));
    };
  }

  private static String part(String name) {
    return name.replace(".norm1.", ".residual.0.")
        .replace(".conv1.", ".residual.2.")
        .replace(".norm2.", ".residual.3.")
        .replace(".conv2.", ".residual.6.")
        .replace(".conv_shortcut.", ".shortcut.");
  }

  private static String common(String name) {
    return switch (name.split("\\.")[0]) {
      case "quant_conv" -> name.replace("quant_conv", "conv1");
      case "post_quant_conv" -> name.replace("post_quant_conv", "conv2");
      default ->
          name.contains(".mid_block.")
              ? part(name)
                  .replace("mid_block.resnets.0", "middle.0")
                  .replace("mid_block.resnets.1", "middle.2")
                  .replace("mid_block.attentions.0", "middle.1")
              : name.replace(".conv_in.", ".conv1.")
                  .replace(".norm_out.", ".head.0.")
                  .replace(".conv_out.", ".head.2.");
    };
  }
}
