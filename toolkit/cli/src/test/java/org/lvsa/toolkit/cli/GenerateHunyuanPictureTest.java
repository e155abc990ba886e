// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.TestFiles;
import org.lvsa.toolkit.hunyuan.TinyHunyuan;
import org.lvsa.toolkit.io.Png;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.video.VideoWriter;

/**
 * HunyuanVideo 1.5 from a picture, and with the options of its guider, through {@code lvsa
 * generate}, against runs of the published code.
 */
class GenerateHunyuanPictureTest {
  private static final String RUNS = "hunyuan15_i2v/";

  @TempDir private static Path shared;
  private static Path model;
  private static Path textModel;

  @TempDir private Path directory;

  @BeforeAll
  static void unpack() throws IOException {
    model = TinyHunyuan.unpackWithPicture(shared.resolve("picture"));
    textModel = TinyHunyuan.unpack(shared.resolve("text"));
  }

  /** Runs the settings of a recorded run; the size is the picture's where it has one. */
  private Run golden(String name, Object... more) throws IOException {
    GoldenRun run = GoldenRun.open(RUNS + name);
    JsonNode settings = run.json().get("settings");
    List<Object> words =
        new ArrayList<>(
            List.of(
                "generate",
                "--model",
                run.holds("image") ? model : textModel,
                "--prompt",
                settings.get("prompt").textValue(),
                "--negative-prompt",
                settings.get("negative_prompt").textValue(),
                "--latents",
                GoldenRun.file(RUNS + name + ".safetensors", shared),
                "--steps",
                settings.get("num_inference_steps").intValue(),
                "--frames",
                settings.get("num_frames").intValue(),
                "--backend",
                "vector",
                "--output-type",
                "latent",
                "--save-every",
                1));
    if (run.holds("image")) {
      words.addAll(List.of("--image", picture(run)));
    } else {
      words.addAll(
          List.of(
              "--resolution",
              settings.get("width").intValue() + "x" + settings.get("height").intValue()));
    }
    words.addAll(List.of(more));
    return Run.lvsa(words.toArray());
  }

  private Path picture(GoldenRun run) throws IOException {
    int[] shape = run.shape("image");
    Path file = directory.resolve("picture.png");
    Png.write(VideoWriter.image(new Resolution(shape[1], shape[0]), run.unsigned("image")), file);
    return file;
  }

  private static void check(String name, Path out, int steps) throws IOException {
    GoldenRun run = GoldenRun.open(RUNS + name);
    for (int step = 0; step < steps; step++) {
      String tensor = "step" + step + ".latents";
      run.checkAtLeast(tensor, GenerateHunyuanTest.tensor(out, tensor), 1e-4);
    }
  }

  @Test
  void aDenseRunEqualsTheRecordedOneAndOneOnTwoRanks() throws IOException {
    Path one = directory.resolve("one.safetensors");
    Run run = golden("i2v", "-o", one);
    assertEquals(0, run.code(), run.err());
    check("i2v", one, 3);
    Path two = directory.resolve("two.safetensors");
    assertEquals(0, golden("i2v", "-o", two, "--ulysses-degree", 2).code());
    assertArrayEquals(
        GenerateHunyuanTest.tensor(one, "latents"),
        GenerateHunyuanTest.tensor(two, "latents"),
        1e-4f);
  }

  @Test
  void aSparseRunEqualsTheRecordedOne() throws IOException {
    JsonNode settings = GoldenRun.open(RUNS + "i2v_rot").json().get("settings");
    Path out = directory.resolve("out.safetensors");
    Object[] options =
        GenerateHunyuanTest.with(
            GenerateHunyuanTest.sparse(settings), out, "--text-mask", "published");
    Run run = golden("i2v_rot", options);
    assertEquals(0, run.code(), run.err());
    assertTrue(run.err().contains("the texts' padding attends"), run.err());
    check("i2v_rot", out, 3);
  }

  /** Typed options go before the folder's; in one batch or apart, the same comes out. */
  @ParameterizedTest
  @CsvSource({"i2v_guider, false", "t2v_guider, true"})
  void aGuidersOptionsAreTyped(String name, boolean batched) throws IOException {
    JsonNode guider = GoldenRun.open(RUNS + name).json().get("settings").get("guider");
    List<Object> options =
        new ArrayList<>(
            List.of(
                "--guidance-scale",
                guider.get("guidance_scale").asText(),
                "--guidance-rescale",
                guider.get("guidance_rescale").asText(),
                "--guidance-start",
                guider.get("start").asText(),
                "--guidance-stop",
                guider.get("stop").asText(),
                "--use-original-formulation=" + guider.get("use_original_formulation").asText()));
    if (batched) {
      options.add("--batched-guidance");
    }
    Path out = directory.resolve("out.safetensors");
    options.addAll(List.of("-o", out));
    Run run = golden(name, options.toArray());
    assertEquals(0, run.code(), run.err());
    check(name, out, 5);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--guidance-rescale 2|guidance rescale must be from 0 to 1, got 2.0",
        "--guidance-start 0.6 --guidance-stop 0.5|guidance stop must be from the start, 0.6, to 1, got 0.5",
        "--last-image PICTURE|a picture to end with is not supported by this pipeline",
        "--guidance-scale-2 3|a second guidance scale is not supported by this pipeline"
      })
  void whatCannotBeIsOneLine(String options, String message) throws IOException {
    GoldenRun run = GoldenRun.open(RUNS + "i2v");
    String picture = picture(run).toString();
    Path out = directory.resolve("none.mp4");
    Run refused =
        golden(
            "i2v", (Object[]) ("-o " + out + " " + options.replace("PICTURE", picture)).split(" "));
    assertEquals(2, refused.code(), refused.err());
    assertTrue(refused.err().contains(message), refused.err());
    assertEquals(1, refused.err().lines().count(), refused.err());
    assertTrue(Files.notExists(out));
  }

  /** A class that nobody knows is named with those that there are; what is typed goes before it. */
  @Test
  void anExplicitPipelineWins() throws IOException {
    Path own = TinyHunyuan.unpack(directory.resolve("own"));
    TestFiles.replace(own.resolve("model_index.json"), "HunyuanVideo15Pipeline", "HunyuanMine");
    Object[] words = {
      "generate",
      "--model",
      own,
      "--prompt",
      "A cat",
      "--resolution",
      "48x32",
      "--frames",
      5,
      "--steps",
      1,
      "--backend",
      "vector",
      "--output-type",
      "latent",
      "-o",
      directory.resolve("out.safetensors")
    };
    Run refused = Run.lvsa(words);
    assertEquals(2, refused.code(), refused.err());
    assertTrue(refused.err().contains("unknown pipeline class HunyuanMine, the nearest is"));
    assertTrue(refused.err().contains("WanImageToVideoPipeline"), refused.err());
    Run run = Run.lvsa(GenerateHunyuanTest.with(words, "--pipeline", "HunyuanVideo15Pipeline"));
    assertEquals(0, run.code(), run.err());
  }

  @Test
  void inspectTellsOfThePicturesEncoder() {
    Run run = Run.lvsa("models", "inspect", model, "--frames", 9, "--resolution", "96x64");
    assertEquals(0, run.code(), run.err());
    for (String part :
        List.of(
            "image_encoder", "SiglipVisionModel", "encoding the picture", "a picture to begin")) {
      assertTrue(run.out().contains(part), run.out());
    }
  }

  @Test
  void modelsWithoutAGuiderSaySo() {
    Run refused =
        Run.lvsa(
            "generate",
            "--random-weights",
            "wan2.1-1.3b",
            "--dim-scale",
            "small",
            "--guidance-rescale",
            "0.5",
            "-o",
            directory.resolve("none.mp4"));
    assertEquals(2, refused.code(), refused.err());
    assertTrue(
        refused
            .err()
            .contains(
                "guidance with a guider's options is not supported by this pipeline (WanPipeline)"),
        refused.err());
  }
}
