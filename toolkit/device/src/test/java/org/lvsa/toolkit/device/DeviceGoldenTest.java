// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.Inputs;
import org.lvsa.toolkit.vision.Picture;

/** The tiny models on a device, in float32, against the runs that the published programs made. */
@Tag("full")
class DeviceGoldenTest {
  @TempDir private static Path shared;
  private static Path model;

  @TempDir private Path directory;

  @BeforeAll
  static void unpack() throws IOException {
    model = GoldenRun.wanModel(shared);
  }

  private GenerationSettings settings(GoldenRun run, String name) throws IOException {
    return DeviceRun.settings(run, GoldenRun.file(name + ".safetensors", directory), Inputs.NONE);
  }

  @Test
  void aDenseRunEqualsTheRecordedOneAndASecondOneStartsAtOnce() throws IOException {
    GoldenRun run = GoldenRun.open("wan/unipc");
    GenerationSettings settings = settings(run, "wan/unipc");
    try (DeviceRun device = DeviceRun.open(model, Map.of(), settings.size(), true)) {
      List<String> said = device.said();
      assertTrue(said.getFirst().startsWith("memory of "), said::toString);
      assertTrue(said.contains("1/3 weights and blocks"), said::toString);
      assertTrue(said.contains("3/3 ready"), said::toString);
      assertEquals("1/1 ready", said.getLast(), "the VAE is there too");
      assertEquals(1, device.equalsRecorded(run, settings, Map.of()).density());
      device.equalsRecorded(run, settings, Map.of());
      assertEquals(List.of(), device.said(), "nothing is compiled or uploaded again");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"rot", "static_kfi", "autoscaled", "window0"})
  void sparseRunsEqualTheRecordedOnes(String name) throws IOException {
    GoldenRun run = GoldenRun.open("wan_lvsa/" + name);
    JsonNode json = run.json().get("settings");
    Map<String, String> variables =
        Map.of(
            "DIFFUSION_ATTENTION_BACKEND", "LVSA",
            "LVSA_WINDOW_SIZE", json.get("window").asText(),
            "LVSA_N_FIRST_FRAMES", json.get("first").asText(),
            "LVSA_KEY_FRAME_INTERVAL", json.get("interval").asText(),
            "LVSA_AUTO_KEYFRAMES", json.get("auto").booleanValue() ? "1" : "0",
            "LVSA_ROTATE_KEYFRAMES", json.get("rotate").booleanValue() ? "1" : "0",
            "LVSA_REFERENCE_LATENT_FRAMES", json.get("ref").asText(),
            "LVSA_SPARSITY_SCALE", json.get("scale").asText());
    GenerationSettings settings = settings(run, "wan_lvsa/" + name);
    try (DeviceRun device =
        DeviceRun.open(model, DeviceRun.scheduler(run, directory), settings.size(), false)) {
      double density = device.equalsRecorded(run, settings, variables).density();
      assertTrue(density < 1, "density " + density);
    }
  }

  /**
   * Tokens of pictures, two transformers that take turns on the device, and a time step for each
   * latent frame.
   */
  @ParameterizedTest
  @CsvSource({
    "wan_i2v/i2v,wan_i2v/model,",
    "wan_i2v/flf,wan_i2v/model,wan_i2v/transformer_flf",
    "wan22/a14b/t2v,wan22/a14b/model,",
    "wan22/ti2v5b/t2v,wan22/ti2v5b/model,",
    "wan22/ti2v5b/i2v,wan22/ti2v5b/model,"
  })
  void theFamilysOtherModelsEqualTheRecordedRuns(String name, String model, String transformer)
      throws IOException {
    GoldenRun run = GoldenRun.open(name);
    Path folder = GoldenRun.folder(model, directory);
    Map<String, Path> replaced =
        transformer == null
            ? Map.of()
            : Map.of("transformer", GoldenRun.component(transformer, directory));
    Inputs inputs =
        new Inputs(
            picture(run, "image_uint8"),
            picture(run, "last_image_uint8"),
            Optional.empty(),
            GenerationSettings.TextMask.MASKED);
    GenerationSettings settings =
        DeviceRun.settings(run, GoldenRun.file(name + ".safetensors", directory), inputs);
    try (DeviceRun device = DeviceRun.open(folder, replaced, settings.size(), false)) {
      device.said();
      device.equalsRecorded(run, settings, Map.of());
      long made = device.said().stream().filter(line -> line.equals("3/3 ready")).count();
      // The second of two is made ready when its first step comes, and nothing else again.
      assertEquals(name.startsWith("wan22/a14b") ? 1 : 0, made);
    }
  }

  private static Optional<Picture> picture(GoldenRun run, String name) {
    if (!run.holds(name)) {
      return Optional.empty();
    }
    int[] shape = run.shape(name);
    return Optional.of(new Picture(new Resolution(shape[1], shape[0]), run.unsigned(name)));
  }
}
