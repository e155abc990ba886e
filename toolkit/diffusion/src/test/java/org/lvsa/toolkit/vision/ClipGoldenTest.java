// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.TestFiles;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.TestWeights;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Pictures on their way to the transformer against the recorded values. */
class ClipGoldenTest {
  private static final String MODEL = "wan_i2v/model/";

  @TempDir private Path directory;

  private static Picture picture(GoldenRun run, String name) {
    int[] shape = run.shape(name);
    return new Picture(new Resolution(shape[1], shape[0]), run.unsigned(name));
  }

  private ClipPreprocessing preprocessing() throws IOException {
    return ClipPreprocessing.read(
        GoldenRun.file(MODEL + "image_processor/preprocessor_config.json", directory).getParent());
  }

  /** As for the VAE: Lanczos, to the bit. */
  @Test
  void anOddPictureIsResizedToTheBit() throws IOException {
    GoldenRun run = GoldenRun.open("wan_i2v/i2v");
    int[] shape = run.shape("odd.video_processor_preprocess");
    Picture resized =
        picture(run, "odd.image_uint8")
            .resized(new Resolution(shape[3], shape[2]), Resampling.LANCZOS);
    float[] expected = run.floats("odd.video_processor_preprocess");
    int pixels = shape[2] * shape[3];
    for (int i = 0; i < expected.length; i++) {
      int level = Byte.toUnsignedInt(resized.rgb()[Picture.COLOURS * (i % pixels) + i / pixels]);
      assertEquals(Math.rint((expected[i] + 1) * 127.5), level, "element " + i);
    }
  }

  /** Bicubic, the middle cut out, normalised. */
  @ParameterizedTest
  @CsvSource({
    "wan_i2v/i2v,odd.image_uint8,odd.clip_pixel_values",
    "wan_i2v/i2v,image_uint8,clip.pixel_values"
  })
  void picturesArePreparedForTheEncoder(String name, String from, String to) throws IOException {
    GoldenRun run = GoldenRun.open(name);
    run.check(to, preprocessing().apply(picture(run, from)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan_i2v/i2v", "wan_i2v/flf"})
  void everyLayerEqualsTheRecordedOne(String name) throws IOException {
    GoldenRun run = GoldenRun.open(name);
    float[] pixels = run.floats("clip.pixel_values");
    int pictures = run.shape("clip.pixel_values")[0];
    int perPicture = pixels.length / pictures;
    Path folder = GoldenRun.component(MODEL + "image_encoder", directory);
    Map<String, float[]> seen = new TreeMap<>();
    try (ClipImageEncoder encoder = ClipImageEncoder.open(ComponentFiles.in(folder), false)) {
      for (int picture = 0; picture < pictures; picture++) {
        int index = picture;
        try (INDArray out =
            encoder.encode(
                Arrays.copyOfRange(pixels, picture * perPicture, (picture + 1) * perPicture),
                (what, value) -> {
                  float[] floats = NdMemory.floats(value.get());
                  float[] all =
                      seen.computeIfAbsent(
                          "clip." + what, key -> new float[pictures * floats.length]);
                  System.arraycopy(floats, 0, all, index * floats.length, floats.length);
                })) {
          assertEquals(encoder.tokens(), out.size(1));
        }
      }
    }
    Set<String> compared = new TreeSet<>();
    seen.forEach(
        (what, value) -> {
          run.check(what, value);
          compared.add(what);
        });
    // Of three layers the last one is not needed.
    assertEquals(Set.of("clip.hidden0", "clip.hidden1", "clip.hidden2"), compared);
    run.check("s0.cond.in.encoder_hidden_states_image", seen.get("clip.hidden2"));
  }

  private static String original(String name) {
    return "visual."
        + name.replaceFirst("^embeddings\\.class_embedding", "cls_embedding")
            .replaceFirst("^embeddings\\.position_embedding\\.weight", "pos_embedding")
            .replaceFirst("^embeddings\\.", "")
            .replaceFirst("^pre_layrnorm", "pre_norm")
            .replaceFirst("^post_layernorm", "post_norm")
            .replaceFirst("^encoder\\.layers\\.", "transformer.")
            .replaceFirst("layer_norm", "norm")
            .replaceFirst("self_attn\\.out_proj", "attn.proj")
            .replaceFirst("mlp\\.fc1", "mlp.0")
            .replaceFirst("mlp\\.fc2", "mlp.2");
  }

  /** Query, key and value are one tensor there. */
  @Test
  void theFileOfWansRepositoryGivesTheSameTokens() throws IOException {
    GoldenRun run = GoldenRun.open("wan_i2v/i2v");
    Path folder = GoldenRun.component(MODEL + "image_encoder", directory);
    Path file = directory.resolve("clip.safetensors");
    TestWeights.copyRenamed(
        folder, file, name -> original(name.replaceFirst("^vision_model\\.", "")));
    int layers = VisionConfig.clip(ComponentConfig.read(folder)).layers();
    for (int layer = 0; layer < layers; layer++) {
      String prefix = "visual.transformer." + layer + ".";
      for (String kind : new String[] {".weight", ".bias"}) {
        TestWeights.stackRows(
            file,
            Stream.of("q", "k", "v")
                .map(part -> prefix + "self_attn." + part + "_proj" + kind)
                .toList(),
            prefix + "attn.to_qkv" + kind);
      }
    }
    float[] pixels = run.floats("clip.pixel_values");
    try (ClipImageEncoder published = ClipImageEncoder.open(ComponentFiles.in(folder), false);
        ClipImageEncoder original = ClipImageEncoder.open(new ComponentFiles(folder, file), false);
        INDArray expected = published.encode(pixels);
        INDArray tokens = original.encode(pixels)) {
      assertArrayEquals(NdMemory.floats(expected), NdMemory.floats(tokens));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"hidden_act\": \"gelu\"|\"hidden_act\": \"relu\"|hidden_act \"relu\" is not supported, supported: gelu, gelu_new, gelu_pytorch_tanh, quick_gelu, silu, swish",
        "\"num_attention_heads\": 2|\"num_attention_heads\": 5|num_attention_heads must be a divisor of hidden_size, 24, got 5",
        "\"num_hidden_layers\": 3|\"num_hidden_layers\": 4|missing: encoder.layers.3.layer_norm1.weight",
        "\"clip_vision_model\"|\"siglip\"|model_type \"siglip\" is not supported, supported: clip_vision_model"
      })
  void modelsThatAreNotSupportedAreNamed(String text, String other, String part)
      throws IOException {
    Path folder = GoldenRun.component(MODEL + "image_encoder", directory);
    TestFiles.replace(folder.resolve("config.json"), text, other);
    String message =
        assertThrows(
                MalformedFileException.class,
                () -> ClipImageEncoder.open(ComponentFiles.in(folder), false).close())
            .getMessage();
    assertTrue(message.contains(part), message);
  }
}
