// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.attention.BackendProcessor;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.GenerationOptions;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.ProcessorAttention;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.Inputs;
import org.lvsa.toolkit.pipeline.GenerationSettings.Prompts;
import org.lvsa.toolkit.pipeline.GenerationSettings.TextMask;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.vision.Picture;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A picture's way through HunyuanVideo 1.5, value by value, against a run of the published code.
 */
class PictureStagesTest {
  private static final double BEHIND_TIME = 1e-4;
  private static final String RUN = "hunyuan15_i2v/i2v";

  @TempDir private static Path directory;
  private static Path folder;

  @BeforeAll
  static void unpack() throws IOException {
    folder = TinyHunyuan.unpackWithPicture(directory);
  }

  private static INDArray tensor(GoldenRun run, String name) {
    long[] shape = Arrays.stream(run.shape(name)).asLongStream().toArray();
    return NdMemory.copy(MemorySegment.ofArray(run.floats(name)), shape);
  }

  /** The sample with the condition behind it, as the transformer is given it. */
  private static float[] input(GoldenRun run, PictureCondition picture) {
    long[] shape = Arrays.stream(run.shape("s0.cond.in.hidden_states")).asLongStream().toArray();
    float[] latents = run.floats("latents_init");
    try (INDArray input = Nd4j.zeros(DataType.FLOAT, shape)) {
      MemorySegment.copy(
          MemorySegment.ofArray(latents), 0, NdMemory.view(input), 0, 4L * latents.length);
      picture.writeTo(input);
      return NdMemory.floats(input);
    }
  }

  @Test
  void theConditionEqualsTheRecordedOne() throws IOException {
    GoldenRun run = GoldenRun.open(RUN);
    JsonNode json = run.json().get("settings");
    int[] shape = run.shape("image");
    Picture picture = new Picture(new Resolution(shape[1], shape[0]), run.unsigned("image"));
    GenerationSettings settings =
        new GenerationSettings(
            new Prompts(json.get("prompt").textValue(), ""),
            new VideoSize(new Resolution(96, 64), 9),
            3,
            new GuidanceSettings(6, false),
            OptionalDouble.empty(),
            new StartingLatents.Seed(1),
            new Inputs(Optional.of(picture), Optional.empty(), Optional.empty(), TextMask.MASKED));
    try (HunyuanModel model = HunyuanModel.open(ModelFolder.open(folder), true, false);
        PictureCondition condition = model.condition(settings).orElseThrow()) {
      run.check("siglip.last_hidden_state", NdMemory.floats(condition.tokens()));
      run.check("s0.cond.in.hidden_states", input(run, condition));
      PictureCondition small =
          new PictureCondition(condition.tokens(), Arrays.copyOf(condition.frame(), 5));
      assertThrows(IllegalArgumentException.class, () -> input(run, small));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cond", "uncond"})
  void everyStageEqualsTheRecordedOne(String branch) throws IOException {
    GoldenRun run = GoldenRun.open(RUN);
    String prefix = "s0." + branch + ".";
    Map<String, Double> differences = new TreeMap<>();
    Observer observer =
        (name, value) -> {
          if (run.holds(prefix + name)) {
            float[] floats = NdMemory.floats(value.get());
            differences.put(name, run.checkAtLeast(prefix + name, floats, BEHIND_TIME));
          }
        };
    String glyphs = prefix + "in.encoder_hidden_states_2_valid";
    float[] recorded = run.floats(prefix + "in.hidden_states");
    int volume = 3 * 4 * 6;
    float[] frame = new float[4 * 4 * 6];
    for (int channel = 0; channel < 4; channel++) {
      System.arraycopy(recorded, (4 + channel) * volume, frame, channel * 24, 24);
    }
    try (HunyuanModel model = HunyuanModel.open(ModelFolder.open(folder), true, false);
        Generation generation =
            new Generation(
                GenerationOptions.of(TestConfig.of(Map.of("LVSA_BACKEND", "vector"))),
                LineLog.none());
        TextEmbeddings text =
            new TextEmbeddings(
                tensor(run, prefix + "in.encoder_hidden_states_valid"),
                run.holds(glyphs) ? Optional.of(tensor(run, glyphs)) : Optional.empty());
        PictureCondition picture =
            new PictureCondition(tensor(run, "siglip.last_hidden_state"), frame);
        INDArray prediction =
            model
                .transformer()
                .predict(
                    new Sample(tensor(run, "latents_init"), run.floats(prefix + "in.timestep")[0]),
                    new Conditions(List.of(text), Optional.of(picture), false),
                    new ProcessorAttention(generation, new BackendProcessor("none")),
                    observer)) {
      String name = "step0." + branch + ".pred";
      differences.put(name, run.checkAtLeast(name, NdMemory.floats(prediction), BEHIND_TIME));
    }
    assertEquals(
        Set.of(
            "x_embed",
            "temb",
            "image_proj",
            "tokens.encoder_in",
            "b0.out",
            "b0.out_context",
            "b1.out",
            "b1.out_context",
            "norm_out",
            "proj_out",
            "step0." + branch + ".pred"),
        differences.keySet());
    System.out.println("rms-relative differences, transformer with a picture: " + differences);
  }
}
