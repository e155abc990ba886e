// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentFiles;

/** Every recorded value of the published autoencoder, on the way and at the end. */
class WanVaeGoldenTest {
  @TempDir private Path directory;

  private AutoencoderKlWan open() throws IOException {
    GoldenRun.file("wan/model/vae/config.json", directory);
    Path weights = GoldenRun.file("wan/model/vae/diffusion_pytorch_model.safetensors", directory);
    return AutoencoderKlWan.open(ComponentFiles.in(weights.getParent()), false);
  }

  static LatentSize size(int[] shape) {
    return new LatentSize(shape[1], shape[2], shape[3], shape[4]);
  }

  /** Collects frames to {@code [3, frames, height, width]}. */
  static final class Collected implements FrameSink {
    final float[] tensor;
    final int frames;
    int seen;
    final byte[][] rounded;
    final byte[][] truncated;

    Collected(int[] shape) {
      tensor = new float[Arrays.stream(shape).reduce(1, Math::multiplyExact)];
      frames = shape[2];
      rounded = new byte[frames][];
      truncated = new byte[frames][];
    }

    @Override
    public void accept(int first, Volume stretch) {
      assertEquals(seen, first, "frames come in order");
      seen += stretch.frames();
      stretch.copyToChannelsFirst(tensor, frames, first);
      for (int t = 0; t < stretch.frames(); t++) {
        rounded[first + t] = Rgb.ROUNDED.bytes(stretch, t);
        truncated[first + t] = Rgb.TRUNCATED.bytes(stretch, t);
      }
    }
  }

  @Test
  void decodesWithEveryIntermediate() throws IOException {
    GoldenRun golden = GoldenRun.open("wan/vae");
    Map<String, Double> errors = new TreeMap<>();
    Map<String, float[]> seen = new TreeMap<>();
    LatentSize size = size(golden.shape("dec.z"));
    Collected frames = new Collected(golden.shape("dec.decoded_clamped"));
    try (AutoencoderKlWan vae = open()) {
      vae.decode(
          golden.floats("dec.z"),
          size,
          frames,
          (name, value) -> seen.put(name, NdMemory.floats(value.get())));
    }
    float[] postQuant = new float[size.elements()];
    int frame = size.height() * size.width();
    for (int t = 0; t < size.frames(); t++) {
      float[] part = seen.get("dec.chunk" + t + ".post_quant");
      for (int c = 0; c < size.channels(); c++) {
        System.arraycopy(part, c * frame, postQuant, (c * size.frames() + t) * frame, frame);
      }
    }
    errors.put("dec.post_quant", golden.check("dec.post_quant", postQuant));
    for (String name : golden.names()) {
      if (name.startsWith("dec.chunk")) {
        float[] value = seen.get(name);
        assertTrue(value != null, name + " was not computed");
        int[] shape = golden.shape(name);
        // The published cache of a time convolution begins with a frame of zeros, ours without.
        if (name.contains(".cache") && value.length * 2 == golden.floats(name).length) {
          value = behindZeros(value, shape[1]);
        }
        errors.put(name, golden.check(name, value));
      }
    }
    errors.put("dec.decoded", golden.check("dec.decoded_clamped", frames.tensor));
    assertEquals(9, frames.seen);
    assertTrue(errors.size() > 80, "compared " + errors.keySet());
  }

  private static float[] behindZeros(float[] value, int channels) {
    int frame = value.length / channels;
    float[] padded = new float[2 * value.length];
    for (int c = 0; c < channels; c++) {
      System.arraycopy(value, c * frame, padded, (2 * c + 1) * frame, frame);
    }
    return padded;
  }

  @Test
  void encodesWithEveryIntermediate() throws IOException {
    GoldenRun golden = GoldenRun.open("wan/vae");
    Map<String, Double> errors = new TreeMap<>();
    int[] shape = golden.shape("enc.video");
    float[] video = golden.floats("enc.video");
    Moments moments;
    try (AutoencoderKlWan vae = open()) {
      moments =
          vae.encode(
              (first, frames) ->
                  frames.copyFromChannelsFirst(video, shape[2], first, shape[3], 0, shape[4], 0),
              shape[2],
              shape[3],
              shape[4],
              (name, value) -> {
                if (golden.names().contains(name)) {
                  errors.put(name, golden.check(name, NdMemory.floats(value.get())));
                }
              });
    }
    assertEquals(
        golden.names().stream().filter(name -> name.startsWith("enc.chunk")).count(),
        errors.size());
    errors.put("enc.mean", golden.check("enc.mean", moments.mean()));
    errors.put("enc.logvar", golden.check("enc.logvar", moments.logVariance()));
  }

  @Test
  void tiledAndWhole() throws IOException {
    GoldenRun golden = GoldenRun.open("wan/vae");
    LatentSize size = size(golden.shape("tiled.z"));
    Collected tiled = new Collected(golden.shape("tiled.decoded"));
    Collected whole = new Collected(golden.shape("tiled.decoded"));
    try (AutoencoderKlWan vae = open()) {
      vae.decodeTiled(golden.floats("tiled.z"), size, new Tiling(32, 40, 24, 24), tiled);
      vae.decode(golden.floats("tiled.z"), size, whole);
    }
    golden.check("tiled.decoded", tiled.tensor);
    golden.check("tiled.decoded_untiled", whole.tensor);
  }

  /** The latents of the whole runs, to frames as bytes, and what pictures become. */
  @ParameterizedTest
  @CsvSource({
    "wan/unipc, wan/model, 3",
    "wan/euler, wan/model, 3",
    "wan_i2v/i2v, wan_i2v/model, 2",
    "wan_i2v/flf, wan_i2v/model, 2",
    "wan22/a14b/t2v, wan22/a14b/model, 3"
  })
  void framesOfTheWanRuns(String run, String model, int lastStep) throws IOException {
    GoldenRun golden = GoldenRun.open(run);
    golden.assumeHas("vae_in");
    int[] bytes = golden.shape("frames_uint8_round");
    Collected frames = new Collected(new int[] {1, 3, bytes[1], bytes[2], bytes[3]});
    try (AutoencoderKlWan vae =
        AutoencoderKlWan.open(
            ComponentFiles.in(GoldenRun.component(model + "/vae", directory)), false)) {
      golden.check("vae_in", vae.denormalise(golden.floats("step" + lastStep + ".latents")));
      vae.decode(golden.floats("vae_in"), size(golden.shape("vae_in")), frames);
      if (golden.holds("vae_decoded")) {
        golden.check("vae_decoded", frames.tensor);
      }
      if (golden.holds("vae_encode_mean_of_decoded")) {
        checkMean(golden, "vae_encode_mean_of_decoded", vae, frames.tensor, bytes);
      }
      if (golden.holds("vae_encode.in")) {
        int[] video = golden.shape("vae_encode.in");
        int[] sizes = {1, video[2], video[3], video[4]};
        checkMean(golden, "vae_encode.mean", vae, golden.floats("vae_encode.in"), sizes);
      }
    }
    golden.checkBytes("frames_uint8_round", frames.rounded);
    if (golden.holds("frames_uint8_trunc")) {
      golden.checkBytes("frames_uint8_trunc", frames.truncated);
    }
  }

  /**
   * Encodes a video.
   *
   * @param sizes 1, frames, rows and columns
   */
  private static void checkMean(
      GoldenRun golden, String name, AutoencoderKlWan vae, float[] video, int[] sizes) {
    Moments moments =
        vae.encode(
            (first, stretch) ->
                stretch.copyFromChannelsFirst(video, sizes[1], first, sizes[2], 0, sizes[3], 0),
            sizes[1],
            sizes[2],
            sizes[3]);
    golden.check(name, moments.mean());
  }
}
