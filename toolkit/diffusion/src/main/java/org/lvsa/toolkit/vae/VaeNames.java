// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.weights.Renaming;

/** The names of autoencoders' tensors in the publishers' own files as those of diffusers. */
final class VaeNames {
  /** HunyuanVideo 1.5's. */
  static final Renaming HUNYUAN =
      Renaming.of("^encoder\\.down\\.(\\d+)\\.block\\.", "encoder.down_blocks.$1.resnets.")
          .then(
              "^encoder\\.down\\.(\\d+)\\.downsample\\.", "encoder.down_blocks.$1.downsamplers.0.")
          .then("^decoder\\.up\\.(\\d+)\\.block\\.", "decoder.up_blocks.$1.resnets.")
          .then("^decoder\\.up\\.(\\d+)\\.upsample\\.", "decoder.up_blocks.$1.upsamplers.0.")
          .then("coder\\.mid\\.block_1\\.", "coder.mid_block.resnets.0.")
          .then("coder\\.mid\\.block_2\\.", "coder.mid_block.resnets.1.")
          .then("coder\\.mid\\.attn_1\\.([qkv])\\.", "coder.mid_block.attentions.0.to_$1.")
          .then("coder\\.mid\\.attn_1\\.", "coder.mid_block.attentions.0.");

  private VaeNames() {}

  /** CogVideoX's, which counts the decoder's resolutions from the highest. */
  static Renaming cogVideoX(CogVideoXVaeConfig config) {
    Renaming names = Renaming.of("^encoder\\.down\\.", "encoder.down_blocks.");
    int last = config.channels().size() - 1;
    for (int level = 0; level <= last; level++) {
      names =
          names.then(
              "^decoder\\.up\\." + level + "\\.", "decoder.up_blocks." + (last - level) + ".");
    }
    return names
        .then("coder\\.mid\\.block_1\\.", "coder.mid_block.resnets.0.")
        .then("coder\\.mid\\.block_2\\.", "coder.mid_block.resnets.1.")
        .then("\\.block\\.(\\d+)\\.", ".resnets.$1.")
        .then("\\.downsample\\.", ".downsamplers.0.")
        .then("\\.upsample\\.", ".upsamplers.0.")
        .then("\\.nin_shortcut\\.", ".conv_shortcut.")
        .without("loss\\..*");
  }

  /** Wan's, whose decoder counts residual blocks and steps to the next resolution in one row. */
  static Renaming wan(WanVaeConfig config) {
    return (config.residual() ? nested() : flat(config))
        .then("^conv1\\.", "quant_conv.")
        .then("^conv2\\.", "post_quant_conv.")
        .then("coder\\.conv1\\.", "coder.conv_in.")
        .then("coder\\.head\\.0\\.", "coder.norm_out.")
        .then("coder\\.head\\.2\\.", "coder.conv_out.")
        .then("coder\\.middle\\.0\\.", "coder.mid_block.resnets.0.")
        .then("coder\\.middle\\.1\\.", "coder.mid_block.attentions.0.")
        .then("coder\\.middle\\.2\\.", "coder.mid_block.resnets.1.")
        .then("\\.residual\\.0\\.", ".norm1.")
        .then("\\.residual\\.2\\.", ".conv1.")
        .then("\\.residual\\.3\\.", ".norm2.")
        .then("\\.residual\\.6\\.", ".conv2.")
        .then("\\.shortcut\\.", ".conv_shortcut.");
  }

  private static Renaming flat(WanVaeConfig config) {
    Renaming names = Renaming.of("^encoder\\.downsamples\\.", "encoder.down_blocks.");
    int row = 0;
    for (int level = 0; level < config.dimMultiples().size(); level++) {
      String block = "decoder.up_blocks." + level + ".";
      for (int resnet = 0; resnet <= config.resnets(); resnet++) {
        names = names.then(upsample(row++), block + "resnets." + resnet + ".");
      }
      names = names.then(upsample(row++), block + "upsamplers.0.");
    }
    return names;
  }

  private static String upsample(int row) {
    return "^decoder\\.upsamples\\." + row + "\\.";
  }

  /** Wan 2.2's second autoencoder has a row for each resolution. */
  private static Renaming nested() {
    return Renaming.of(
            "^encoder\\.downsamples\\.(\\d+)\\.downsamples\\.\\d+\\.(resample|time_conv)\\.",
            "encoder.down_blocks.$1.downsampler.$2.")
        .then("^encoder\\.downsamples\\.(\\d+)\\.downsamples\\.", "encoder.down_blocks.$1.resnets.")
        .then(
            "^decoder\\.upsamples\\.(\\d+)\\.upsamples\\.\\d+\\.(resample|time_conv)\\.",
            "decoder.up_blocks.$1.upsampler.$2.")
        .then("^decoder\\.upsamples\\.(\\d+)\\.upsamples\\.", "decoder.up_blocks.$1.resnets.");
  }
}
