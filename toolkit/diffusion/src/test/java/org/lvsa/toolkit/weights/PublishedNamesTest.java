// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.cogvideox.CogVideoXTransformer;
import org.lvsa.toolkit.text.QwenTextModel;
import org.lvsa.toolkit.text.T5Encoder;
import org.lvsa.toolkit.vae.AutoencoderKlCogVideoX;
import org.lvsa.toolkit.vae.AutoencoderKlHunyuan15;
import org.lvsa.toolkit.vae.AutoencoderKlWan;
import org.lvsa.toolkit.vision.ClipImageEncoder;

/**
 * Components of the true sizes open with all the names that published checkpoints have, those of
 * diffusers and those of the publishers' own repositories: none is missing, unexpected or of
 * another shape.
 */
class PublishedNamesTest {
  @TempDir private Path directory;

  private ComponentFiles files(String list, String prefix) throws IOException {
    return PublishedNames.read(list).component(directory, prefix);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cogvideox-2b", "cogvideox-5b", "cogvideox1.5-5b"})
  void cogVideoXTransformers(String model) throws IOException {
    CogVideoXTransformer.open(files("diffusers/" + model, ""), false).close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"diffusers/", "original/"})
  void autoencoders(String naming) throws IOException {
    AutoencoderKlWan.open(files(naming + "wan21-vae", ""), false).close();
    AutoencoderKlWan.open(files(naming + "wan22-vae", ""), false).close();
    AutoencoderKlHunyuan15.open(files(naming + "hunyuan15-vae", ""), false).close();
    AutoencoderKlCogVideoX.open(files("diffusers/cogvideox-vae", ""), false).close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "diffusers/umt5-xxl",
        "original/umt5-xxl",
        "diffusers/t5-v1_1-xxl",
        "diffusers/byt5-small"
      })
  void textEncodersOfTheT5Family(String list) throws IOException {
    T5Encoder.open(files(list, ""), false).close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "model.", "model.language_model."})
  void languageModels(String prefix) throws IOException {
    QwenTextModel.open(files("diffusers/qwen2.5-vl-7b", prefix), false).close();
  }

  @ParameterizedTest
  @CsvSource({
    "diffusers/clip-vit-h-14, ''",
    "diffusers/clip-vit-h-14, vision_model.",
    "original/clip-vit-h-14, ''"
  })
  void imageEncoders(String list, String prefix) throws IOException {
    ClipImageEncoder.open(files(list, prefix), false).close();
  }
}
