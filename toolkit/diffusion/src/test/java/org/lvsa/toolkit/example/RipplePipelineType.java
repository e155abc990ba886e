// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.example;

import java.util.List;
import java.util.Map;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.PipelineType;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.schedulers.SchedulerConfig;
import org.lvsa.toolkit.text.PromptEncoder;
import org.lvsa.toolkit.vae.AutoencoderKlWan;

/** Text to video with Ripple: {@code RipplePipeline}. */
public final class RipplePipelineType implements PipelineType {
  /** For {@link java.util.ServiceLoader}. */
  public RipplePipelineType() {}

  @Override
  public String className() {
    return "RipplePipeline";
  }

  @Override
  public VideoPipeline open(ModelFolder folder, boolean allowUnused) {
    folder.requireComponents(
        Map.of(
            "transformer", List.of("RippleTransformer3DModel"),
            "vae", List.of("AutoencoderKLWan"),
            "text_encoder", List.of("UMT5EncoderModel"),
            "tokenizer", List.of("T5TokenizerFast", "T5Tokenizer"),
            "scheduler", List.of("FlowMatchEulerDiscreteScheduler")));
    folder.requireOff(Map.of());
    SchedulerConfig scheduler =
        SchedulerConfig.read(
            folder.component("scheduler").folder().resolve("scheduler_config.json"));
    RippleTransformer transformer =
        RippleTransformer.open(folder.component("transformer").files(), allowUnused);
    AutoencoderKlWan vae = null;
    try {
      vae = AutoencoderKlWan.open(folder.component("vae").files(), allowUnused);
      folder
          .component("vae")
          .requireEqual(
              "latent channels", vae.config().latentChannels(), transformer.config().channels());
      PromptEncoder prompts =
          PromptEncoder.open(
              folder.component("tokenizer").folder(),
              folder.component("text_encoder").files(),
              allowUnused);
      return new RipplePipeline(transformer, vae, prompts, scheduler);
    } catch (RuntimeException e) {
      transformer.close();
      if (vae != null) {
        vae.close();
      }
      throw e;
    }
  }
}
