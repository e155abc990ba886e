// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.cogvideox.CogVideoXConfig;
import org.lvsa.toolkit.schedulers.SchedulerConfig;
import org.lvsa.toolkit.text.QwenConfig;
import org.lvsa.toolkit.text.T5Config;
import org.lvsa.toolkit.vae.CogVideoXVaeConfig;
import org.lvsa.toolkit.vae.HunyuanVaeConfig;
import org.lvsa.toolkit.vae.WanVaeConfig;
import org.lvsa.toolkit.wan.WanConfig;

/** No key of a published component's settings is ignored without a word. */
class PublishedKeysTest {
  /** Keys of text encoders about training, other models of the class, and the writing program. */
  private static final Set<String> OF_ENCODERS =
      Set.of(
          "architectures",
          "dtype",
          "eos_token_id",
          "pad_token_id",
          "tie_word_embeddings",
          "transformers_version",
          "use_cache");

  private static final Set<String> OF_T5 =
      and(
          OF_ENCODERS,
          "classifier_dropout",
          "dropout_rate",
          "initializer_factor",
          "is_encoder_decoder",
          "num_decoder_layers");

  @TempDir private Path directory;

  private static Set<String> and(Set<String> keys, String... more) {
    return Stream.concat(keys.stream(), Stream.of(more)).collect(Collectors.toSet());
  }

  private void check(String file, Function<Path, ?> read, Set<String> withoutEffect)
      throws IOException {
    ConfigKeys.check(GoldenRun.file(file, directory), read, withoutEffect);
  }

  private static Function<Path, ?> of(Function<ComponentConfig, ?> read) {
    return file -> read.apply(ComponentConfig.readFile(file));
  }

  private static Function<Path, ?> in(Function<Path, ?> readFolder) {
    return file -> readFolder.apply(file.getParent());
  }

  @Test
  void transformers() throws IOException {
    check("wan/model/transformer/config.json", of(WanConfig::of), Set.of());
    check("wan_i2v/transformer_flf/config.json", of(WanConfig::of), Set.of());
    check(
        "cogvideox/model/transformer/config.json",
        of(CogVideoXConfig::of),
        Set.of("dropout", "spatial_interpolation_scale", "temporal_interpolation_scale"));
    check("cogvideox/transformer_cog2b/config.json", of(CogVideoXConfig::of), Set.of("dropout"));
    // The embedding of patches over time has a bias whatever the setting says.
    check(
        "cogvideox/transformer_cog15/config.json",
        of(CogVideoXConfig::of),
        Set.of(
            "dropout",
            "patch_bias",
            "spatial_interpolation_scale",
            "temporal_interpolation_scale"));
  }

  @Test
  void textEncoders() throws IOException {
    check(
        "wan/model/text_encoder/config.json",
        of(T5Config::of),
        and(OF_T5, "decoder_start_token_id"));
    check(
        "cogvideox/model/text_encoder/config.json",
        of(T5Config::of),
        and(OF_T5, "scale_decoder_outputs"));
    check(
        "hunyuan15/model/text_encoder/config.json",
        of(QwenConfig::of),
        and(
            OF_ENCODERS,
            "attention_dropout",
            "bos_token_id",
            "initializer_range",
            "max_position_embeddings",
            "max_window_layers",
            "sliding_window"));
  }

  @Test
  void autoencoders() throws IOException {
    check("wan/model/vae/config.json", in(WanVaeConfig::read), Set.of("dropout"));
    check("wan22/ti2v5b/model/vae/config.json", in(WanVaeConfig::read), Set.of("dropout"));
    check("hunyuan15/model/vae/config.json", in(HunyuanVaeConfig::read), Set.of());
    // Both are about training and about videos that begin with a picture.
    check(
        "cogvideox/model/vae/config.json",
        in(CogVideoXVaeConfig::read),
        Set.of("force_upcast", "invert_scale_latents"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "wan/model/scheduler",
        "wan/scheduler_euler",
        "cogvideox/model/scheduler",
        "cogvideox/scheduler_ddim"
      })
  void schedulers(String folder) throws IOException {
    // What serves betas where there are flow sigmas, or other spacings of time steps.
    Set<String> withoutEffect =
        switch (folder) {
          case "wan/model/scheduler" ->
              Set.of(
                  "beta_end",
                  "beta_schedule",
                  "beta_start",
                  "dynamic_thresholding_ratio",
                  "rescale_betas_zero_snr",
                  "sample_max_value",
                  "steps_offset",
                  "time_shift_type",
                  "timestep_spacing",
                  "trained_betas");
          case "wan/scheduler_euler" ->
              Set.of(
                  "base_image_seq_len",
                  "base_shift",
                  "max_image_seq_len",
                  "max_shift",
                  "time_shift_type");
          default -> Set.of("clip_sample_range", "sample_max_value", "steps_offset");
        };
    check(folder + "/scheduler_config.json", SchedulerConfig::read, withoutEffect);
  }
}
