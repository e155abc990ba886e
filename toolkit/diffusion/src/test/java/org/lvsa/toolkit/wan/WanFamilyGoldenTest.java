// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.DecodedFrames;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.Inputs;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.Pipelines;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.vision.Picture;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Whole runs of the family's other models against those that the published programs recorded. */
class WanFamilyGoldenTest {
  private static final double BEHIND_TIME = 1e-4;
  private static final String I2V = "WanImageToVideoPipeline";

  @TempDir private Path directory;

  private static Optional<Picture> picture(GoldenRun run, String name) {
    if (!run.holds(name)) {
      return Optional.empty();
    }
    int[] shape = run.shape(name);
    return Optional.of(new Picture(new Resolution(shape[1], shape[0]), run.unsigned(name)));
  }

  private GenerationSettings settings(GoldenRun run, String name) throws IOException {
    JsonNode json = run.json().get("settings");
    JsonNode second = json.path("guidance_scale_2");
    return new GenerationSettings(
        new GenerationSettings.Prompts(
            json.get("prompt").textValue(), json.get("negative_prompt").textValue()),
        new VideoSize(
            new Resolution(json.get("width").intValue(), json.get("height").intValue()),
            json.get("num_frames").intValue()),
        json.get("num_inference_steps").intValue(),
        new GuidanceSettings(
            json.get("guidance_scale").doubleValue(),
            false,
            second.isNumber() ? OptionalDouble.of(second.doubleValue()) : OptionalDouble.empty(),
            OptionalDouble.empty(),
            false),
        OptionalDouble.empty(),
        new StartingLatents.Given(GoldenRun.file(name + ".safetensors", directory)),
        new Inputs(
            picture(run, "image_uint8"),
            picture(run, "last_image_uint8"),
            Optional.empty(),
            GenerationSettings.TextMask.MASKED));
  }

  @ParameterizedTest
  @CsvSource({
    "wan_i2v/i2v,wan_i2v/model,,",
    "wan_i2v/flf,wan_i2v/model,wan_i2v/transformer_flf,",
    "wan22/a14b/t2v,wan22/a14b/model,,",
    "wan22/ti2v5b/t2v,wan22/ti2v5b/model,,",
    "wan22/ti2v5b/i2v,wan22/ti2v5b/model,,",
    "wan22/ti2v5b/i2v,wan22/ti2v5b/model,,WanImageToVideoPipeline"
  })
  void runsEqualTheRecordedOnes(String name, String model, String transformer, String pipelineClass)
      throws IOException {
    GoldenRun run = GoldenRun.open(name);
    GenerationSettings settings = settings(run, name);
    Map<String, Path> replaced =
        transformer == null
            ? Map.of()
            : Map.of("transformer", GoldenRun.component(transformer, directory));
    ModelFolder folder = ModelFolder.open(GoldenRun.folder(model, directory), replaced);
    try (VideoPipeline pipeline =
            Pipelines.open(folder, Optional.ofNullable(pipelineClass), false);
        Denoising denoising = pipeline.prepare(settings);
        GenerationAttention attention =
            WanPipelineGoldenTest.attention(Map.of(), pipeline, settings)) {
      checkInput(run, (WanDenoising) denoising);
      float[] latents =
          denoising.run(
              attention,
              Optional.empty(),
              (step, sample, history) ->
                  run.checkAtLeast("step" + step + ".latents", sample, BEHIND_TIME));
      List<byte[]> frames = DecodedFrames.of(pipeline, settings.size(), latents);
      run.checkFrames("frames_uint8_round", frames);
    }
  }

  /** What the transformer is given in the first step: nothing of it lies behind the time step. */
  private static void checkInput(GoldenRun run, WanDenoising denoising) {
    if (!run.holds("s0.cond.in.hidden_states")) {
      return;
    }
    try (INDArray noisy = WanGoldenTest.tensor(run, "latents_init");
        INDArray input = denoising.encoded().condition().input(noisy)) {
      run.check("s0.cond.in.hidden_states", NdMemory.floats(input));
    }
    if (denoising.encoded().tokens().isPresent()) {
      run.check(
          "s0.cond.in.encoder_hidden_states_image",
          NdMemory.floats(denoising.encoded().tokens().get()));
    }
  }

  private static String refused(Class<? extends Exception> type, Runnable run) {
    return assertThrows(type, run::run).getMessage();
  }

  /** What is missing, or more than a model takes, is told before anything is encoded. */
  @Test
  void picturesThatDoNotFitAreNamed() throws IOException {
    GoldenRun run = GoldenRun.open("wan_i2v/flf");
    GenerationSettings all = settings(run, "wan_i2v/flf");
    ModelFolder oneTransformer = ModelFolder.open(GoldenRun.folder("wan_i2v/model", directory));
    ModelFolder twoPictures =
        ModelFolder.open(
            oneTransformer.path(),
            Map.of("transformer", GoldenRun.component("wan_i2v/transformer_flf", directory)));
    Inputs first = inputs(all.inputs().image(), Optional.empty());
    try (VideoPipeline i2v = Pipelines.open(oneTransformer, Optional.empty(), false);
        VideoPipeline flf = Pipelines.open(twoPictures, Optional.empty(), false)) {
      Class<IllegalArgumentException> type = IllegalArgumentException.class;
      String message = refused(type, () -> i2v.prepare(with(all, Inputs.NONE)));
      assertTrue(message.contains("--image FILE"), message);
      message = refused(type, () -> i2v.prepare(all));
      assertEquals("this model takes no picture to end with", message);
      message = refused(type, () -> flf.prepare(with(all, first)));
      assertTrue(message.contains("--last-image FILE"), message);
      message =
          refused(
              type,
              () ->
                  flf.prepare(
                      new GenerationSettings(
                          all.prompts(),
                          new VideoSize(all.size().resolution(), 1),
                          1,
                          all.guidance(),
                          all.flowShift(),
                          all.start(),
                          all.inputs())));
      assertEquals("a video with a last picture needs at least 5 frames, got 1", message);
    }
  }

  private static Inputs inputs(Optional<Picture> first, Optional<Picture> last) {
    return new Inputs(first, last, Optional.empty(), GenerationSettings.TextMask.MASKED);
  }

  private static GenerationSettings with(GenerationSettings settings, Inputs inputs) {
    return new GenerationSettings(
        settings.prompts(),
        settings.size(),
        settings.steps(),
        settings.guidance(),
        settings.flowShift(),
        settings.start(),
        inputs);
  }

  /** Either transformer makes all steps where the other is missing. */
  @ParameterizedTest
  @ValueSource(strings = {"transformer", "transformer_2"})
  void oneOfTwoTransformersMakesAllSteps(String missing) throws IOException {
    GoldenRun run = GoldenRun.open("wan22/a14b/t2v");
    GenerationSettings settings = settings(run, "wan22/a14b/t2v");
    Path folder = GoldenRun.folder("wan22/a14b/model", directory);
    Path index = folder.resolve("model_index.json");
    String json = Files.readString(index);
    String other = missing.equals("transformer") ? "transformer_2" : "transformer";
    float[] alone;
    float[] same;
    try (VideoPipeline both = Pipelines.open(ModelFolder.open(folder), Optional.empty(), false)) {
      // From the first or to the last step the other one alone.
      same = denoise(both, settings, OptionalDouble.of(missing.equals("transformer") ? 1 : 0));
    }
    Files.writeString(
        index,
        json.replaceAll("\"" + missing + "\": \\[[^\\]]*\\]", "\"" + missing + "\": [null, null]"));
    try (VideoPipeline one = Pipelines.open(ModelFolder.open(folder), Optional.empty(), false)) {
      alone = denoise(one, settings, OptionalDouble.of(missing.equals("transformer") ? 1 : 0));
      float[] own = denoise(one, settings, OptionalDouble.empty());
      assertTrue(!Arrays.equals(own, alone), "the scales still change at the boundary");
    }
    assertTrue(Arrays.equals(same, alone), other + " makes all steps");
  }

  private static float[] denoise(
      VideoPipeline pipeline, GenerationSettings settings, OptionalDouble boundary) {
    GuidanceSettings guidance =
        new GuidanceSettings(
            settings.guidance().scale(), false, settings.guidance().second(), boundary, false);
    GenerationSettings asked =
        new GenerationSettings(
            settings.prompts(),
            settings.size(),
            settings.steps(),
            guidance,
            settings.flowShift(),
            settings.start());
    try (Denoising denoising = pipeline.prepare(asked);
        GenerationAttention attention =
            WanPipelineGoldenTest.attention(Map.of(), pipeline, asked)) {
      return denoising.run(attention, Optional.empty(), (step, sample, history) -> {});
    }
  }

  @Test
  void aPairWithoutBoundaryNeedsOne() throws IOException {
    GoldenRun run = GoldenRun.open("wan22/a14b/t2v");
    GenerationSettings settings = settings(run, "wan22/a14b/t2v");
    Path folder = GoldenRun.folder("wan22/a14b/model", directory);
    Path index = folder.resolve("model_index.json");
    String json = Files.readString(index);
    Files.writeString(index, json.replace("\"boundary_ratio\": 0.875", "\"boundary_ratio\": null"));
    try (VideoPipeline pair = Pipelines.open(ModelFolder.open(folder), Optional.empty(), false)) {
      String message = refused(IllegalArgumentException.class, () -> pair.prepare(settings));
      assertTrue(message.contains("give --boundary-ratio"), message);
      denoise(pair, settings, OptionalDouble.of(0.9));
    }
    Files.writeString(index, json.replace("\"boundary_ratio\": 0.875", "\"boundary_ratio\": 8.75"));
    String message = refused(MalformedFileException.class, () -> open(folder, Optional.empty()));
    assertTrue(message.contains("boundary_ratio must be from 0 to 1, got 8.75"), message);
  }

  private static void open(Path folder, Optional<String> pipelineClass) {
    Pipelines.open(ModelFolder.open(folder), pipelineClass, false).close();
  }

  @Test
  void foldersOfTheOtherKindAreNamed() throws IOException {
    Path pictures = GoldenRun.folder("wan_i2v/model", directory);
    Path texts = GoldenRun.folder("wan22/a14b/model", directory);
    String message = refused(MalformedFileException.class, () -> open(texts, Optional.of(I2V)));
    assertTrue(message.contains("takes 4 channels, needed are 12"), message);
    Files.writeString(
        pictures.resolve("model_index.json"),
        Files.readString(pictures.resolve("model_index.json"))
            .replace(I2V, "WanPipeline")
            .replaceAll("\\[[^\\]]*\"CLIP[^\\]]*\\]", "[null, null]"));
    message = refused(MalformedFileException.class, () -> open(pictures, Optional.empty()));
    assertTrue(message.contains("open it with the pipeline " + I2V), message);
  }
}
