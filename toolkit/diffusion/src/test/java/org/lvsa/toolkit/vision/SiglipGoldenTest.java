// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
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
import org.lvsa.toolkit.weights.ComponentFiles;
import org.nd4j.linalg.api.ndarray.INDArray;

/** HunyuanVideo 1.5's pictures on their way to the transformer against the recorded values. */
class SiglipGoldenTest {
  private static final String RUN = "hunyuan15_i2v/i2v";
  private static final String MODEL = "hunyuan15_i2v/model/";

  @TempDir private Path directory;

  private static Picture picture(GoldenRun run, String name) {
    int[] shape = run.shape(name);
    return new Picture(new Resolution(shape[1], shape[0]), run.unsigned(name));
  }

  /** As for the VAE: Lanczos, to the bit, and the middle cut out. */
  @ParameterizedTest
  @ValueSource(strings = {"image,image_resized", "odd0.", "odd1.", "odd2."})
  void picturesCoverTheVideoToTheBit(String names) throws IOException {
    GoldenRun run = GoldenRun.open(RUN);
    String from = names.endsWith(".") ? names + "image" : "image";
    String to = names.endsWith(".") ? names + "resized" : "image_resized";
    int[] shape = run.shape(to);
    Picture covering =
        picture(run, from).covering(new Resolution(shape[1], shape[0]), Resampling.LANCZOS);
    assertArrayEquals(run.unsigned(to), covering.rgb());
  }

  /** Bicubic, to a square whatever the shape was, normalised. */
  @ParameterizedTest
  @CsvSource({
    "image_resized,siglip.pixels",
    "odd0.resized,odd0.pixels",
    "odd1.resized,odd1.pixels",
    "odd2.resized,odd2.pixels"
  })
  void picturesArePreparedForTheEncoder(String from, String to) throws IOException {
    Path file =
        GoldenRun.file(MODEL + "feature_extractor/preprocessor_config.json", directory).getParent();
    GoldenRun run = GoldenRun.open(RUN);
    run.check(to, SiglipPreprocessing.read(file).apply(picture(run, from)));
  }

  @Test
  void everyLayerEqualsTheRecordedOne() throws IOException {
    GoldenRun run = GoldenRun.open(RUN);
    Path folder = GoldenRun.component(MODEL + "image_encoder", directory);
    Set<String> compared = new TreeSet<>();
    try (SiglipImageEncoder encoder = SiglipImageEncoder.open(ComponentFiles.in(folder), false);
        INDArray out =
            encoder.encode(
                run.floats("siglip.pixels"),
                (what, value) -> {
                  run.check("siglip." + what, NdMemory.floats(value.get()));
                  compared.add(what);
                })) {
      assertEquals(encoder.config().patches().count(), out.size(1));
      run.check("siglip.last_hidden_state", NdMemory.floats(out));
      assertThrows(IllegalArgumentException.class, () -> encoder.encode(new float[3 * 44 * 45]));
    }
    assertEquals(Set.of("hidden0", "hidden1", "hidden2", "hidden3"), compared);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"gelu_pytorch_tanh\"|\"relu\"|hidden_act \"relu\" is not supported",
        "\"num_attention_heads\": 2|\"num_attention_heads\": 3|a divisor of hidden_size, 20, got 3",
        "\"num_hidden_layers\": 3|\"num_hidden_layers\": 4|missing: encoder.layers.3.layer_norm1.weight",
        "\"num_hidden_layers\": 3|\"num_hidden_layers\": 2|encoder.layers.2",
        "\"patch_size\": 14|\"patch_size\": 15|shape",
        "\"patch_size\": 14|\"patch_size\": 46|at most image_size, 45",
        "\"siglip_vision_model\"|\"siglip2\"|supported: siglip_vision_model"
      })
  void modelsThatAreNotSupportedAreNamed(String text, String other, String part)
      throws IOException {
    Path folder = GoldenRun.component(MODEL + "image_encoder", directory);
    TestFiles.replace(folder.resolve("config.json"), text, other);
    String message =
        assertThrows(
                MalformedFileException.class,
                () -> SiglipImageEncoder.open(ComponentFiles.in(folder), false).close())
            .getMessage();
    assertTrue(message.contains(part), message);
  }
}
