// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.PixelAttention;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.Weights;

/** HunyuanVideo 1.5's autoencoder against recorded values, and its memory and settings. */
class HunyuanVaeTest {
  private static final String FOLDER = "hunyuan15/model/vae";

  @TempDir private Path directory;

  private AutoencoderKlHunyuan15 open() throws IOException {
    return AutoencoderKlHunyuan15.open(
        ComponentFiles.in(GoldenRun.component(FOLDER, directory)), false);
  }

  private static LatentSize size(int[] shape) {
    return new LatentSize(shape[1], shape[2], shape[3], shape[4]);
  }

  /** Puts the stretches of a value together again, {@code [channels, frames, height, width]}. */
  private static final class Stretches {
    private final Map<String, List<float[]>> seen = new TreeMap<>();
    private final Map<String, Integer> channels = new TreeMap<>();

    Observer observer() {
      return (name, value) -> {
        String what = name.replaceFirst("chunk\\d+\\.", "");
        channels.put(what, (int) value.get().size(1));
        seen.computeIfAbsent(what, w -> new ArrayList<>()).add(NdMemory.floats(value.get()));
      };
    }

    float[] whole(String what) {
      List<float[]> parts = seen.get(what);
      assertTrue(parts != null, what + " was not computed");
      int count = channels.get(what);
      int perChannel = parts.stream().mapToInt(part -> part.length / count).sum();
      float[] whole = new float[perChannel * count];
      int at = 0;
      for (float[] part : parts) {
        int length = part.length / count;
        for (int c = 0; c < count; c++) {
          System.arraycopy(part, c * length, whole, c * perChannel + at, length);
        }
        at += length;
      }
      return whole;
    }
  }

  private static FrameSink into(float[] tensor, int frames) {
    return (first, stretch) -> stretch.copyToChannelsFirst(tensor, frames, first);
  }

  @Test
  void decodesWithEveryIntermediate() throws IOException {
    GoldenRun golden = GoldenRun.open("hunyuan15/t2v");
    Stretches stretches = new Stretches();
    LatentSize size = size(golden.shape("dec.z"));
    float[] decoded = new float[golden.floats("dec.out").length];
    try (AutoencoderKlHunyuan15 vae = open()) {
      vae.decode(
          golden.floats("dec.z"),
          size,
          into(decoded, vae.config().frames(size.frames())),
          stretches.observer());
    }
    Map<String, Double> errors = new TreeMap<>();
    errors.put("dec.frames", golden.check("dec.out", decoded));
    for (String name : golden.names()) {
      if (name.startsWith("dec.") && !name.equals("dec.z")) {
        errors.put(name, golden.check(name, stretches.whole(name)));
      }
    }
    assertTrue(errors.size() >= 6, "compared " + errors.keySet());
    System.out.println("rms-relative differences, HunyuanVideo's decoder: " + errors);
  }

  /** The latents of the whole run, to frames as bytes. */
  @Test
  void framesOfTheRun() throws IOException {
    GoldenRun golden = GoldenRun.open("hunyuan15/t2v");
    golden.assumeHas("vae_in");
    WanVaeGoldenTest.Collected frames = new WanVaeGoldenTest.Collected(golden.shape("vae_decoded"));
    try (AutoencoderKlHunyuan15 vae = open()) {
      golden.check("vae_in", vae.denormalise(golden.floats("step2.latents")));
      vae.decode(golden.floats("vae_in"), size(golden.shape("vae_in")), frames);
    }
    golden.check("vae_decoded", frames.tensor);
    golden.checkBytes("frames_uint8_round", frames.rounded);
  }

  @Test
  void encodesWithEveryIntermediate() throws IOException {
    GoldenRun golden = GoldenRun.open("hunyuan15/t2v");
    Stretches stretches = new Stretches();
    int[] shape = golden.shape("enc.video");
    float[] video = golden.floats("enc.video");
    Moments moments;
    try (AutoencoderKlHunyuan15 vae = open()) {
      moments =
          vae.encode(
              (first, frames) ->
                  frames.copyFromChannelsFirst(video, shape[2], first, shape[3], 0, shape[4], 0),
              shape[2],
              shape[3],
              shape[4],
              stretches.observer());
    }
    Map<String, Double> errors = new TreeMap<>();
    errors.put("enc.mean", golden.check("enc.mean", moments.mean()));
    errors.put("enc.logvar", golden.check("enc.logvar", moments.logVariance()));
    for (String name : golden.names()) {
      if (name.matches("enc\\.(conv_in|down\\d|mid)")) {
        errors.put(name, golden.check(name, stretches.whole(name)));
      }
    }
    assertTrue(errors.size() >= 6, "compared " + errors.keySet());
    System.out.println("rms-relative differences, HunyuanVideo's encoder: " + errors);
  }

  @Test
  void tilesAreBlendedAsRecorded() throws IOException {
    GoldenRun golden = GoldenRun.open("hunyuan15/t2v");
    LatentSize size = size(golden.shape("tiled.z"));
    float[] decoded = new float[golden.floats("tiled.decoded").length];
    try (AutoencoderKlHunyuan15 vae = open()) {
      int frames = vae.config().frames(size.frames());
      vae.decodeTiled(
          golden.floats("tiled.z"), size, new Tiling(32, 64, 16, 32), into(decoded, frames));
      golden.check("tiled.decoded", decoded);
      // No larger than a tile: whole.
      float[] whole = new float[decoded.length];
      vae.decode(golden.floats("tiled.z"), size, into(whole, frames));
      float[] oneTile = new float[decoded.length];
      vae.decodeTiled(golden.floats("tiled.z"), size, Tiling.DEFAULT, into(oneTile, frames));
      assertArrayEquals(whole, oneTile);
    }
  }

  private static HunyuanVaeConfig config(List<Integer> channels, boolean match) {
    return new HunyuanVaeConfig(channels, 1, 8, 4, 4, 1.0, match, match);
  }

  /** Levels that change their channels themselves have a shortcut with a convolution. */
  @ParameterizedTest
  @CsvSource({"true", "false"})
  void aVideoOfOneFrameIsTheFirstFrameOfALongerOne(boolean match) {
    HunyuanVaeConfig config = config(List.of(8, 16, 16, 32), match);
    try (AutoencoderKlHunyuan15 vae =
        new AutoencoderKlHunyuan15(
            config, Weights.random(AutoencoderKlHunyuan15.shapes(config), 5), false)) {
      float[] latents = new float[4 * 3 * 2 * 3];
      for (int i = 0; i < latents.length; i++) {
        latents[i] = (float) Math.sin(i);
      }
      float[] first = new float[4 * 6];
      for (int c = 0; c < 4; c++) {
        System.arraycopy(latents, c * 18, first, c * 6, 6);
      }
      float[] many = new float[3 * 9 * 16 * 24];
      vae.decode(latents, new LatentSize(4, 3, 2, 3), into(many, 9));
      float[] one = new float[3 * 16 * 24];
      vae.decode(first, new LatentSize(4, 1, 2, 3), into(one, 1));
      for (int c = 0; c < 3; c++) {
        assertArrayEquals(
            Arrays.copyOfRange(one, c * 384, (c + 1) * 384),
            Arrays.copyOfRange(many, c * 9 * 384, c * 9 * 384 + 384),
            1e-4f);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,2,3,true", "4,6,5,true", "4,6,5,false", "6,8,10,true"})
  void decodingTakesTheMemoryThatIsAnnounced(int frames, int height, int width, boolean match) {
    HunyuanVaeConfig config = config(List.of(16, 32, 64, 64), match);
    try (Weights weights = Weights.random(AutoencoderKlHunyuan15.shapes(config), 5);
        HunyuanDecoder decoder = new HunyuanVaeParts(config, VaeLayers.of(weights)).decoder();
        Run run = new Run(decoder.slots(), Observer.NONE, "dec")) {
      for (int t = 0; t < frames; t++) {
        Volume latent = run.workspace.take(1, height, width, 4);
        latent.memory().fill((byte) 0);
        run.workspace.give(decoder.decode(run, latent));
      }
      // Scores are no volume.
      long scores = (long) PixelAttention.SCORES * Float.BYTES;
      long announced =
          AutoencoderKlHunyuan15.decodeBytes(config, frames, 8 * height, 8 * width) - scores;
      long peak = run.workspace.peak();
      assertTrue(
          peak <= announced && announced < 1.7 * peak + scores,
          () -> peak + " bytes, announced were " + announced);
    }
  }

  @Test
  void wrongSettingsAreNamed() throws IOException {
    Path config = GoldenRun.component(FOLDER, directory).resolve("config.json");
    String text = Files.readString(config);
    for (String[] change :
        new String[][] {
          {
            "\"spatial_compression_ratio\": 16", "\"spatial_compression_ratio\": 12", "power of two"
          },
          {"\"temporal_compression_ratio\": 4", "\"temporal_compression_ratio\": 32", "at most"},
          {"\"spatial_compression_ratio\": 16", "\"spatial_compression_ratio\": 32", "more than 5"},
          {"\"latent_channels\": 4", "\"latent_channels\": 3", "twice latent_channels"},
          {"AutoencoderKLHunyuanVideo15", "AutoencoderKLWan", "AutoencoderKLWan"}
        }) {
      assertTrue(text.contains(change[0]), change[0]);
      Files.writeString(config, text.replace(change[0], change[1]));
      String message =
          assertThrows(
                  MalformedFileException.class, () -> HunyuanVaeConfig.read(config.getParent()))
              .getMessage();
      assertTrue(message.contains(change[2]), message);
    }
    assertEquals(
        List.of(128, 256, 512, 1024, 1024),
        HunyuanVaeConfig.read(minimal(config)).channels(),
        "published sizes are the defaults");
  }

  private static Path minimal(Path config) throws IOException {
    Files.writeString(config, "{\"_class_name\": \"AutoencoderKLHunyuanVideo15\"}");
    return config.getParent();
  }
}
