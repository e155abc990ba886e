// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.cli.Run;
import org.lvsa.toolkit.hunyuan.TinyHunyuan;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.vision.Picture;

/** {@code lvsa generate --transformer device}, as a user calls it. */
class DeviceGenerateTest {
  @TempDir private static Path shared;
  private static Path model;

  @TempDir private Path directory;

  @BeforeAll
  static void unpack() throws IOException {
    DeviceRun.assumeDevice();
    model = GoldenRun.wanModel(shared);
  }

  private static Run generate(Map<String, String> environment, Object... more) {
    List<Object> words = new ArrayList<>(List.of("generate", "--transformer", "device"));
    words.addAll(List.of(more));
    return Run.with(environment, words.toArray());
  }

  /** The call that made a recorded run, with latents as its output. */
  private Run recorded(GoldenRun run, String name, Map<String, String> environment, Object... more)
      throws IOException {
    JsonNode json = run.json().get("settings");
    List<Object> words =
        new ArrayList<>(
            List.of(
                "--model",
                model,
                "--prompt",
                json.get("prompt").textValue(),
                "--negative-prompt",
                json.get("negative_prompt").textValue(),
                "--latents",
                GoldenRun.file(name + ".safetensors", directory),
                "--steps",
                json.get("steps").asText(),
                "--guidance-scale",
                json.get("guidance_scale").asText(),
                "--dtype",
                "f32"));
    words.addAll(List.of(more));
    return generate(environment, words.toArray());
  }

  private static float[] tensor(Path file, String name) {
    try (Arena arena = Arena.ofConfined()) {
      return Safetensors.open(file, arena).data(name).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }
  }

  /** Numbers of the lines of the table by kind of work: step, kinds, sum, the step's length. */
  private static List<double[]> table(String out) {
    return out.lines()
        .filter(line -> line.matches("\\s+\\d+(\\s+-?\\d+\\.\\d){7}"))
        .map(
            line ->
                Stream.of(line.strip().split("\\s+")).mapToDouble(Double::parseDouble).toArray())
        .toList();
  }

  @Test
  @Tag("full")
  void aDenseVideoEqualsTheRecordedOneAndItsProfileAddsUp() throws IOException {
    GoldenRun run = GoldenRun.open("wan/unipc");
    Path out = directory.resolve("out.safetensors");
    Path profile = directory.resolve("profile");
    Run made =
        recorded(
            run,
            "wan/unipc",
            Map.of(),
            "--frames",
            17,
            "--resolution",
            "80x48",
            "--save-every",
            1,
            "--profile",
            profile,
            "-o",
            out);
    assertEquals(0, made.code(), made.err());
    for (int step = 0; step < 4; step++) {
      String name = "step" + step + ".latents";
      run.checkAtLeast(name, tensor(out, name), 1e-4);
    }
    assertTrue(made.out().contains("kernel java-tiled-f32+portable-f32 on "), made.out());
    assertTrue(made.err().contains("to the device: weights and blocks"), made.err());
    List<double[]> table = table(made.out());
    assertEquals(4, table.size(), made.out());
    // What else runs on this machine may hold a step up where nothing measures.
    double closest = 1;
    for (double[] row : table) {
      double missing = 1 - row[6] / row[7];
      assertTrue(missing > -0.05, made.out());
      closest = Math.min(closest, Math.abs(missing));
      assertTrue(row[1] > 0 && row[2] > 0 && row[3] > 0, made.out());
    }
    // A step's transfers may take so little that they are rounded to nothing.
    assertTrue(row("all", made.out())[3] > 0, made.out());
    assertTrue(closest < 0.05, made.out());
    assertEquals(8, forwards(profile), "a forward pass for each branch of each step");
  }

  private static long forwards(Path profile) {
    long count = 0;
    for (JsonNode event : Json.read(profile.resolve("trace_rank0.json")).get("traceEvents")) {
      count += event.path("cat").asText().equals("forward") ? 1 : 0;
    }
    return count;
  }

  /** A row of the table by kind of work, without its first word. */
  private static double[] row(String what, String out) {
    String line =
        out.lines().filter(one -> one.strip().startsWith(what + " ")).findFirst().orElseThrow();
    return Stream.of(line.strip().split("\\s+")).skip(1).mapToDouble(Double::parseDouble).toArray();
  }

  /** The text encoder is on the CPU; the VAE's work on the device has its kinds. */
  @Test
  @Tag("full")
  void theProfileHasTheTextEncoderAndTheVae() throws IOException {
    Run made =
        generate(
            Map.of(),
            "--model",
            GoldenRun.wanModel(directory),
            "--prompt",
            "A cat",
            "--steps",
            2,
            "--frames",
            9,
            "--resolution",
            "80x48",
            "--output-type",
            "png",
            "--vae",
            "device",
            "--profile",
            directory.resolve("profile"),
            "-o",
            directory.resolve("out"));
    assertEquals(0, made.code(), made.err());
    double[] text = row("text", made.out());
    assertTrue(text[4] > 0 && text[0] + text[1] + text[2] + text[3] == 0, made.out());
    double[] vae = row("VAE", made.out());
    assertTrue(vae[1] > 0 && vae[2] > 0, made.out());
    for (String what : List.of("text", "VAE", "rest", "all")) {
      double[] row = row(what, made.out());
      assertEquals(row[6], row[5], 0.05 * row[6] + 0.2, made.out());
    }
  }

  @Test
  @Tag("full")
  void aSparseVideoWithRotatingKeyFramesEqualsTheRecordedOne() throws IOException {
    GoldenRun run = GoldenRun.open("wan_lvsa/rot");
    Path out = directory.resolve("out.safetensors");
    Map<String, String> environment =
        Map.of(
            "LVSA_WINDOW_SIZE", "8",
            "LVSA_REFERENCE_LATENT_FRAMES", "9",
            "LVSA_ROTATE_KEYFRAMES", "1",
            "LVSA_AUTO_KEYFRAMES", "0");
    Run made =
        recorded(
            run,
            "wan_lvsa/rot",
            environment,
            "--frames",
            69,
            "--resolution",
            "48x32",
            "--attention",
            "lvsa",
            "--device",
            "0:0",
            "-o",
            out);
    assertEquals(0, made.code(), made.err());
    run.checkAtLeast("step3.latents", tensor(out, "latents"), 1e-4);
    assertTrue(made.out().contains("lvsa attention, density 0.5"), made.out());
    assertTrue(made.err().contains("-> SPARSE backend=tornado dtype=f32 ("), made.err());
  }

  @Test
  @Tag("full")
  void framesAreDecodedThereTooUnlessTheUserSaysOtherwise() throws IOException {
    GoldenRun run = GoldenRun.open("wan/unipc");
    Path onDevice = pictures(run, "device");
    Path onCpu = pictures(run, "cpu");
    assertNear(frames(onCpu, 17), frames(onDevice, 17));
  }

  /**
   * Videos of an odd number of latent frames; the device has the VAE where nobody says more.
   * CogVideoX has tiles of its own size.
   */
  @ParameterizedTest
  @CsvSource({"hunyuan,', VAE '", "cogvideox --vae-tiling,VAE in tiles"})
  @Tag("full")
  void framesOfOtherModelsAreDecodedThereToo(String what, String part) throws IOException {
    String[] name = what.split(" ", 2);
    Path folder =
        name[0].equals("hunyuan")
            ? TinyHunyuan.unpack(directory)
            : GoldenRun.cogVideoXModel(directory);
    List<byte[][]> made = new ArrayList<>();
    for (String vae : List.of("", "--vae cpu ")) {
      Path out = directory.resolve("frames" + made.size());
      String options =
          "--prompt cat --frames 9 --steps 1 --seed 3 --dtype f32 --output-type png "
              + vae
              + (name.length > 1 ? name[1] : "")
              + " --resolution 64x32 -o";
      List<Object> words = new ArrayList<>(List.of("--model", folder));
      words.addAll(List.of((Object[]) options.split(" +")));
      words.add(out);
      Run run = generate(Map.of(), words.toArray());
      assertEquals(0, run.code(), run.err());
      assertEquals(vae.isEmpty(), run.err().contains("to the device: VAE"), run.err());
      assertEquals(
          vae.isEmpty(), run.err().contains(part) && !run.err().contains("VAE none"), run.err());
      made.add(frames(out, 9));
    }
    assertNear(made.get(1), made.get(0));
  }

  private static byte[][] frames(Path folder, int count) throws IOException {
    byte[][] frames = new byte[count][];
    for (int frame = 0; frame < count; frame++) {
      String name = String.format(Locale.ROOT, "frame-%05d.png", frame);
      frames[frame] = Picture.read(folder.resolve(name)).rgb();
    }
    return frames;
  }

  private static void assertNear(byte[][] expected, byte[][] actual) {
    for (int frame = 0; frame < expected.length; frame++) {
      for (int i = 0; i < expected[frame].length; i++) {
        assertEquals(expected[frame][i] & 0xFF, actual[frame][i] & 0xFF, 1, "frame " + frame);
      }
    }
  }

  /** Frames wider than a tile, so that there are tiles of two sizes. */
  @Test
  @Tag("full")
  void tilesAreDecodedThereTooAndTheLogSaysSo() throws IOException {
    Path onDevice = tiles("device");
    Path onCpu = tiles("cpu");
    assertNear(frames(onCpu, 5), frames(onDevice, 5));
  }

  private Path tiles(String vae) {
    Path out = directory.resolve("tiles-" + vae);
    String options =
        "--prompt cat --frames 5 --resolution 320x16 --steps 1 --seed 3 --dtype f32 --vae-tiling"
            + " --output-type png --vae "
            + vae
            + " -o";
    List<Object> words = new ArrayList<>(List.of("--model", model));
    words.addAll(List.of((Object[]) options.split(" ")));
    words.add(out);
    Run made = generate(Map.of(), words.toArray());
    assertEquals(0, made.code(), made.err());
    boolean onDevice = vae.equals("device");
    assertEquals(onDevice, made.err().contains("VAE in tiles "), made.err());
    assertEquals(onDevice, made.err().contains("to the device: VAE"), made.err());
    return out;
  }

  private Path pictures(GoldenRun run, String vae) throws IOException {
    Path out = directory.resolve(vae);
    String options = "--frames 17 --resolution 80x48 --output-type png --vae " + vae + " -o";
    List<Object> words = new ArrayList<>(List.of((Object[]) options.split(" ")));
    words.add(out);
    Run made = recorded(run, "wan/unipc", Map.of(), words.toArray());
    assertEquals(0, made.code(), made.err());
    assertEquals(vae.equals("device"), made.err().contains("to the device: VAE"), made.err());
    return out;
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan2.1-1.3b", "hunyuanvideo-1.5"})
  @Tag("full")
  void randomWeightsOfAModelsSizesRun(String name) {
    Path out = directory.resolve("out.mp4");
    Run made =
        generate(
            Map.of(),
            "--random-weights",
            name,
            "--frames",
            9,
            "--resolution",
            "32x32",
            "--steps",
            1,
            "--dtype",
            "f32",
            "-o",
            out);
    assertEquals(0, made.code(), made.err());
    assertTrue(Files.exists(out));
    assertTrue(made.out().contains("kernel java-tiled-f32+portable-f32 on "), made.out());
  }

  /** As many blocks as are too many for the device, where the host's memory holds them. */
  @Test
  void blocksThatOnlyTheHostHoldsAreRefusedWithTheOptionForIt() {
    long block = 4L * (8L * 5120 * 5120 + 2L * 5120 * 13824);
    long device =
        new DeviceChoice("tornado", DType.F32, KernelOptions.DEFAULT)
            .find()
            .device(KernelOptions.DEFAULT)
            .bytes();
    Run run =
        generate(
            Map.of(),
            "--random-weights",
            "wan2.1-14b",
            "--dtype",
            "f32",
            "--dim-scale",
            "full",
            "--layers",
            device / block + 1,
            "--frames",
            "1",
            "--resolution",
            "32x32",
            "-o",
            directory.resolve("o.mp4"));
    assumeFalse(run.err().contains(" are free here"), run.err());
    assertRefused(run, 3, "--enable-layerwise-offload takes ");
    assertFalse(Files.exists(directory.resolve("o.mp4")));
  }

  /** What cannot be is told in one line before anything is loaded, with the option that helps. */
  @ParameterizedTest
  @CsvSource({
    "3,wan2.1-1.3b,--dtype bf16,give --dtype f32",
    "3,wan2.1-1.3b,--dtype f16,give --dtype f32",
    "3,wan2.1-1.3b,--dtype f32 --frames 3001 --resolution 832x480 --layers 64 --cache-backend pab --cache-config {\"spatial_attention_block_skip_range\":2},--frames ",
    "3,wan2.1-1.3b,--dtype f32 --frames 40001 --resolution 832x480,--frames 3685 is the most",
    "3,wan2.1-1.3b,--dtype f32 --frames 1 --resolution 32768x32768,give --transformer cpu",
    "2,wan2.1-1.3b,--dtype f32 --device 9:9,9:9",
    "3,hunyuanvideo-1.5,--dtype f16,give --dtype f32",
    "3,hunyuanvideo-1.5,--dtype f32 --frames 40001 --resolution 832x480,--frames ",
    "3,cogvideox-2b,--dtype f16,give --dtype f32"
  })
  void whatCannotBeIsRefused(int code, String name, String options, String advice) {
    Path out = directory.resolve("out.mp4");
    List<Object> words = new ArrayList<>(List.of("--random-weights", name, "-o", out));
    words.addAll(List.of((Object[]) options.split(" ")));
    assertRefused(generate(Map.of(), words.toArray()), code, advice);
    assertFalse(Files.exists(out));
  }

  /** Whole frames take some hundred GiB, their tiles about 5. */
  @Test
  void aVideoThatCannotBeDecodedWholeIsToldOfTiles() {
    long device =
        new DeviceChoice("tornado", DType.F32, KernelOptions.DEFAULT)
            .find()
            .device(KernelOptions.DEFAULT)
            .bytes();
    assumeTrue(device > 8L << 30 && device < 200L << 30, device + " bytes");
    Path out = directory.resolve("out.mp4");
    String options =
        "--random-weights wan2.1-1.3b --dtype f32 --frames 1 --resolution 4096x4096 -o";
    List<Object> words = new ArrayList<>(List.of((Object[]) options.split(" ")));
    words.add(out);
    assertRefused(generate(Map.of(), words.toArray()), 3, "--vae-tiling takes ");
    assertFalse(Files.exists(out));
  }

  private static void assertRefused(Run refused, int code, String advice) {
    List<String> said = refused.err().lines().filter(line -> !line.contains("memory of ")).toList();
    assertEquals(code, refused.code(), said.toString());
    assertEquals(1, said.size(), said.toString());
    assertTrue(said.getFirst().contains(advice), said.toString());
  }
}
