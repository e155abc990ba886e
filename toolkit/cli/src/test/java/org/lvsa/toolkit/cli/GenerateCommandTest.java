// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacv.FFmpegFrameGrabber;
import org.bytedeco.javacv.Frame;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.video.FrameMetrics;

/** {@code lvsa generate} on the tiny Wan model, as a user calls it. */
class GenerateCommandTest {
  private static final String PROMPT =
      "A cat walks on the grass, realistic &amp; very detailed,   golden light";
  private static final String NEGATIVE = "Blurred details, static, worst quality";

  @TempDir private static Path shared;
  private static Path model;
  private static Path recorded;

  @TempDir private Path directory;

  @BeforeAll
  static void unpack() throws IOException {
    model = GoldenRun.wanModel(shared);
    recorded = GoldenRun.file("wan/unipc.safetensors", shared);
  }

  private static Run generate(Object... more) {
    return generate(Map.of(), more);
  }

  private static Run generate(Map<String, String> environment, Object... more) {
    List<Object> words = new ArrayList<>(List.of("generate", "--model", model, "--prompt", PROMPT));
    words.addAll(List.of(more));
    return Run.with(environment, words.toArray());
  }

  private static Run golden(Object... more) {
    List<Object> words =
        new ArrayList<>(
            List.of(
                "--negative-prompt",
                NEGATIVE,
                "--latents",
                recorded,
                "--steps",
                4,
                "--guidance-scale",
                5,
                "--frames",
                17,
                "--resolution",
                "80x48"));
    words.addAll(List.of(more));
    return generate(words.toArray());
  }

  private static Map<String, float[]> tensors(Path file) {
    try (Arena arena = Arena.ofConfined()) {
      Safetensors tensors = Safetensors.open(file, arena);
      Map<String, float[]> all = new java.util.TreeMap<>();
      for (String name : tensors.names()) {
        all.put(name, tensors.data(name).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED));
      }
      return all;
    }
  }

  private static List<String> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static byte[] recordedFrame(GoldenRun run, int frame) {
    int bytes = 80 * 48 * 3;
    return Arrays.copyOfRange(
        run.unsigned("frames_uint8_round"), frame * bytes, (frame + 1) * bytes);
  }

  @Test
  void latentsAreNamedAsTheRecordedOnesAndEqualThem() throws IOException {
    Path out = directory.resolve("out.safetensors");
    Run run = golden("--output-type", "latent", "--save-every", 1, "-o", out);
    assertEquals(0, run.code(), run.err());
    Map<String, float[]> tensors = tensors(out);
    assertEquals(
        List.of("latents", "step0.latents", "step1.latents", "step2.latents", "step3.latents"),
        List.copyOf(tensors.keySet()));
    assertArrayEquals(tensors.get("step3.latents"), tensors.get("latents"));
    GoldenRun expected = GoldenRun.open("wan/unipc");
    for (int step = 0; step < 4; step++) {
      String name = "step" + step + ".latents";
      expected.checkAtLeast(name, tensors.get(name), 1e-4);
    }
    assertEquals(List.of("out.safetensors"), files(directory), "the resume file is removed");
    assertTrue(run.out().contains("dense attention, density 1.0000, kernel "), run.out());
    assertTrue(run.out().contains("fallbacks: none"), run.out());
  }

  @Test
  void picturesAndVideoShowTheRecordedFrames() throws IOException {
    Path pictures = directory.resolve("pictures");
    Run run = golden("--output-type", "png", "-o", pictures);
    assertEquals(0, run.code(), run.err());
    GoldenRun expected = GoldenRun.open("wan/unipc");
    assertEquals(17, files(pictures).size());
    int differ = 0;
    for (int frame = 0; frame < 17; frame++) {
      BufferedImage image =
          ImageIO.read(pictures.resolve("frame-000%02d.png".formatted(frame)).toFile());
      byte[] rgb = recordedFrame(expected, frame);
      for (int i = 0; i < rgb.length; i++) {
        int pixel = image.getRGB(i / 3 % 80, i / 3 / 80) >> 16 - 8 * (i % 3) & 0xFF;
        assertTrue(Math.abs(pixel - (rgb[i] & 0xFF)) <= 1, "frame " + frame + " byte " + i);
        differ += pixel == (rgb[i] & 0xFF) ? 0 : 1;
      }
    }
    assertTrue(differ < 0.01 * 17 * 80 * 48 * 3, differ + " bytes differ");

    Path video = directory.resolve("video.mp4");
    run = golden("--fps", 12, "-o", video);
    assertEquals(0, run.code(), run.err());
    try (FFmpegFrameGrabber grabber = new FFmpegFrameGrabber(video.toFile())) {
      grabber.setPixelFormat(avutil.AV_PIX_FMT_RGB24);
      grabber.start();
      assertEquals(80, grabber.getImageWidth());
      assertEquals(48, grabber.getImageHeight());
      assertEquals(12, grabber.getVideoFrameRate(), 1e-6);
      for (int frame = 0; frame < 17; frame++) {
        double psnr = FrameMetrics.psnr(recordedFrame(expected, frame), bytes(grabber.grabImage()));
        assertTrue(psnr >= 30, "frame " + frame + " has " + psnr + " dB");
      }
      assertEquals(null, grabber.grabImage(), "17 frames and no more");
    }
  }

  private static byte[] bytes(Frame frame) {
    ByteBuffer image = (ByteBuffer) frame.image[0];
    byte[] rgb = new byte[80 * 48 * 3];
    for (int row = 0; row < 48; row++) {
      image.get(row * frame.imageStride, rgb, row * 80 * 3, 80 * 3);
    }
    return rgb;
  }

  @Test
  void settingsOfLvsaComeFromTheEnvironmentAndTypedOptions() throws IOException {
    Map<String, String> environment =
        Map.of(
            "LVSA_WINDOW_SIZE", "8",
            "LVSA_REFERENCE_LATENT_FRAMES", "9",
            "LVSA_SPARSITY_SCALE", "0.5",
            "LVSA_ROTATE_KEYFRAMES", "1",
            "LVSA_AUTO_KEYFRAMES", "0");
    Path start = GoldenRun.file("wan_lvsa/rot.safetensors", directory);
    Path out = directory.resolve("out.safetensors");
    Run run =
        Run.with(
            environment,
            "generate",
            "--model",
            model,
            "--prompt",
            "Horses gallop across the dry plain, dust rises",
            "--negative-prompt",
            "static picture, low quality",
            "--latents",
            start,
            "--steps",
            4,
            "--frames",
            69,
            "--resolution",
            "48x32",
            "--attention",
            "lvsa",
            "--sparsity-scale",
            "1",
            "-o",
            out);
    assertEquals(0, run.code(), run.err());
    GoldenRun.open("wan_lvsa/rot").checkAtLeast("step3.latents", tensors(out).get("latents"), 1e-4);
    assertTrue(run.out().contains("lvsa attention, density 0.5"), run.out());
    assertTrue(run.err().contains("[LVSA] window=2 kfi=5"), run.err());
  }

  @Test
  void aRunThatIsCutOffGoesOnToTheIdenticalFile() throws IOException {
    Path whole = directory.resolve("whole.safetensors");
    Path out = directory.resolve("out.safetensors");
    Object[] same = {"--frames", 9, "--resolution", "48x32", "--steps", 3, "--seed", 7};
    assertEquals(0, generate(with(same, "--save-every", 1, "-o", whole)).code());
    // Cut off after two steps: the capture of the third cannot be written.
    Path captured = Files.createDirectory(directory.resolve("captured"));
    Files.createDirectory(captured.resolve("layer00-step002-cond.safetensors"));
    Run cut = generate(with(same, "--save-every", 1, "-o", out, "--capture", captured + ":0,2"));
    assertFalse(cut.code() == 0, cut.out());
    assertFalse(Files.exists(out));
    Path resume = directory.resolve("out.resume.safetensors");
    assertTrue(Files.exists(resume));
    Run again = generate(with(same, "--save-every", 1, "-o", out));
    assertEquals(2, again.code());
    assertTrue(again.err().contains("go on with --resume"), again.err());
    Run other =
        generate(
            "--frames",
            9,
            "--resolution",
            "48x32",
            "--steps",
            3,
            "--seed",
            8,
            "--save-every",
            1,
            "--resume",
            "-o",
            out);
    assertEquals(2, other.code());
    assertTrue(other.err().contains("start was seed 7, now it is seed 8"), other.err());
    Run resumed = generate(with(same, "--save-every", 1, "--resume", "-o", out));
    assertEquals(0, resumed.code(), resumed.err());
    assertTrue(resumed.err().contains("going on after step 2 of 3"), resumed.err());
    assertArrayEquals(Files.readAllBytes(whole), Files.readAllBytes(out));
    assertFalse(Files.exists(resume));
  }

  private static Object[] with(Object[] words, Object... more) {
    List<Object> all = new ArrayList<>(List.of(words));
    all.addAll(List.of(more));
    return all.toArray();
  }

  @Test
  void capturesAreReadByAttend() throws IOException {
    Path captured = directory.resolve("captured");
    Path out = directory.resolve("out.safetensors");
    Run run =
        generate(
            "--frames",
            69,
            "--resolution",
            "48x32",
            "--steps",
            2,
            "--attention",
            "lvsa",
            "--window",
            8,
            "--reference-frames",
            9,
            "--rotate-keyframes",
            "--capture",
            captured + ":1,1",
            "-o",
            out);
    assertEquals(0, run.code(), run.err());
    assertEquals(
        List.of("layer01-step001-cond.safetensors", "layer01-step001-uncond.safetensors"),
        files(captured));
    Path file = captured.resolve("layer01-step001-cond.safetensors");
    Run attend = Run.lvsa("attend", file, directory.resolve("attended.safetensors"));
    assertEquals(0, attend.code(), attend.err());
    assertTrue(attend.out().contains("density 0.5"), attend.out());
    assertEquals(108 * 3 * 20, tensors(file).get("q").length);
  }

  @Test
  void compareWritesBothVideosAndHowTheyDiffer() throws IOException {
    Run run =
        generate(
            "--frames",
            37,
            "--resolution",
            "48x32",
            "--steps",
            2,
            "--window",
            4,
            "--reference-frames",
            5,
            "--compare",
            "-o",
            directory.resolve("c.mp4"));
    assertEquals(0, run.code(), run.err());
    assertEquals(List.of("c.csv", "c.dense.mp4", "c.lvsa.mp4", "c.mp4", "c.png"), files(directory));
    List<String> rows = Files.readAllLines(directory.resolve("c.csv"));
    assertEquals("frame,psnr_db,ssim", rows.getFirst());
    assertEquals(38, rows.size());
    assertTrue(Double.parseDouble(rows.get(37).split(",")[2]) < 1, rows.get(37));
    try (FFmpegFrameGrabber grabber = new FFmpegFrameGrabber(directory.resolve("c.mp4").toFile())) {
      grabber.start();
      assertEquals(96, grabber.getImageWidth());
      assertEquals(32, grabber.getImageHeight());
    }
    assertTrue(run.out().contains("dense left, lvsa right; lowest PSNR"), run.out());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--frames 18 | frames must be 4k + 1, got 18; the nearest are 17 and 21",
        "--resolution 80x50 | the nearest are 80x48 and 80x64",
        "--resolution 80 | a resolution is WIDTHxHEIGHT",
        "--steps 0 | steps must be at least 1, got 0",
        "--guidance-scale NaN | guidance scale must be a finite number",
        "--flow-shift -1 | flow shift must be a number above 0, got -1",
        "--save-every 0 | --save-every must be at least 1, got 0",
        "--backend vektor | unknown backend vektor",
        "--component schedule=. | unknown component schedule, the nearest is scheduler",
        "--component scheduler=none | component scheduler (UniPCMultistepScheduler) is missing",
        "--latents none.safetensors | none.safetensors",
        "--resume | nothing to resume",
        "--edit a.png | a picture to edit is not supported by this pipeline (WanPipeline)",
        "--audio a.wav | sound is not supported by this pipeline (WanPipeline)",
        "--capture x:1 | a capture is DIR or DIR:LAYERS,STEPS",
        "--compare --resume | --compare makes two videos",
        "--output-type mp4 -o out.avi | -o must end in .mp4"
      })
  void badInputIsOneLineAndLeavesNothing(String options, String message) throws IOException {
    List<Object> words = new ArrayList<>(List.of("--frames", 17, "--resolution", "48x32"));
    for (String word : options.split(" ")) {
      int before = words.indexOf(word);
      if (before >= 0) {
        words.subList(before, before + 2).clear();
      }
      words.add(word);
    }
    if (!words.contains("-o")) {
      words.addAll(List.of("-o", directory.resolve("out.mp4")));
    }
    Run run = generate(words.toArray());
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().contains(message.strip()), run.err());
    assertEquals(1, run.err().lines().filter(line -> line.startsWith("lvsa: ")).count());
    assertEquals(List.of(), files(directory));
  }

  @Test
  void anEmptyPromptAndTooLittleMemoryAreSaidBeforeAnythingIsLoaded() throws IOException {
    Path out = directory.resolve("out.mp4");
    Run empty = Run.lvsa("generate", "--model", model, "--prompt", " ", "-o", out);
    assertEquals(2, empty.code());
    assertTrue(empty.err().contains("the prompt is empty"), empty.err());
    Run large = generate("--frames", 801, "--resolution", "4800x4800", "-o", out);
    assertEquals(3, large.code(), large.err());
    assertTrue(large.err().matches("(?s).*needs \\d+ MiB of memory, \\d+ MiB are free.*"));
    assertEquals(List.of(), files(directory));
  }

  @Test
  void aBrokenFolderIsNamed() throws IOException {
    Path broken = GoldenRun.wanModel(directory);
    Path out = directory.resolve("out.mp4");
    Path shard = broken.resolve("transformer/diffusion_pytorch_model-00003-of-00006.safetensors");
    byte[] whole = Files.readAllBytes(shard);
    Files.write(shard, Arrays.copyOf(whole, whole.length / 2));
    assertRefused(broken, out, "diffusion_pytorch_model-00003-of-00006.safetensors");
    Files.write(shard, whole);
    Path config = broken.resolve("transformer/config.json");
    String text = Files.readString(config);
    Files.writeString(config, text.replace("\"ffn_dim\": 112", "\"ffn_dim\": 128"));
    assertRefused(broken, out, "these are not the model's weights");
    Files.writeString(config, text.replace("rms_norm_across_heads", "layer_norm"));
    assertRefused(broken, out, "qk_norm");
    Files.writeString(config, text);
    Path index = broken.resolve("model_index.json");
    Files.writeString(index, Files.readString(index).replace("WanPipeline", "WanPipe"));
    assertRefused(broken, out, "unknown pipeline class WanPipe, the nearest is WanPipeline");
    Files.delete(index);
    assertRefused(broken, out, "it has no model_index.json");
    assertFalse(Files.exists(out));
  }

  private static void assertRefused(Path folder, Path out, String message) {
    Run run = Run.lvsa("generate", "--model", folder, "--prompt", "a cat", "-o", out);
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().contains(message), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
  }

  @Test
  void randomWeightsOfAModelsSizesRunLikeTheModel() throws IOException {
    Path out = directory.resolve("out.safetensors");
    Object[] words = {
      "generate",
      "--random-weights",
      "wan2.1-1.3b",
      "--frames",
      101,
      "--resolution",
      "32x32",
      "--steps",
      2,
      "--attention",
      "lvsa",
      "-o",
      out
    };
    Run run = Run.lvsa(words);
    assertEquals(0, run.code(), run.err());
    assertTrue(
        run.out()
            .startsWith(
                "Wan 2.1 T2V 1.3B with random weights, 2 blocks of 2 heads of 128, random numbers in"
                    + " place of the text encoder's embeddings"),
        run.out());
    assertTrue(run.err().contains("[LVSA] Geometry detected: T_lat=26 P=4"), run.err());
    byte[] first = Files.readAllBytes(out);
    assertEquals(0, Run.lvsa(words).code());
    assertArrayEquals(first, Files.readAllBytes(out));
    Run unknown =
        Run.lvsa("generate", "--random-weights", "wan2.1-1.3", "-o", directory.resolve("x.mp4"));
    assertEquals(2, unknown.code());
    assertTrue(unknown.err().contains("the nearest is wan2.1-1.3b"), unknown.err());
    Run both =
        Run.lvsa(
            "generate",
            "--random-weights",
            "wan2.1-1.3b",
            "--model",
            model,
            "-o",
            directory.resolve("x.mp4"));
    assertEquals(2, both.code());
    Run neither = Run.lvsa("generate", "--prompt", "x", "-o", directory.resolve("x.mp4"));
    assertEquals(2, neither.code());
    Run silent = Run.lvsa("generate", "--model", model, "-o", directory.resolve("x.mp4"));
    assertTrue(silent.err().contains("give --prompt TEXT"), silent.err());
  }

  @ParameterizedTest
  @CsvSource({
    "--ulysses-degree, threads",
    "--global-kv-degree, threads",
    "--ring-degree, threads",
    "--cfg-parallel-size, threads",
    "--ulysses-degree, processes",
    "--cfg-parallel-size, processes"
  })
  void ranksTogetherMakeTheSameVideo(String degree, String kind) throws IOException {
    Object[] words = {
      "generate",
      "--random-weights",
      "wan2.1-1.3b",
      "--frames",
      101,
      "--resolution",
      "32x32",
      "--steps",
      2,
      "--attention",
      "lvsa"
    };
    Path one = directory.resolve("one.safetensors");
    Path two = directory.resolve("two.safetensors");
    assertEquals(0, Run.lvsa(with(words, "-o", one)).code());
    Run run = Run.lvsa(with(words, degree, 2, "--ranks", kind, "-o", two));
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("  on 2 ranks, "), run.out());
    float[] expected = tensors(one).get("latents");
    float[] actual = tensors(two).get("latents");
    double difference = 0;
    double size = 0;
    for (int e = 0; e < expected.length; e++) {
      difference += Math.pow((double) expected[e] - actual[e], 2);
      size += Math.pow(expected[e], 2);
    }
    // Global frames at the ranks' boundaries are another pattern, so another video.
    double most = degree.equals("--global-kv-degree") ? 0.5 : 1e-5;
    most = degree.equals("--cfg-parallel-size") ? 0 : most;
    assertTrue(Math.sqrt(difference / size) <= most, "differs by " + Math.sqrt(difference / size));
    assertEquals(
        2, Run.lvsa(with(words, degree, 2, "--compare", "-o", directory.resolve("c.mp4"))).code());
  }

  @Test
  void capturesAreMeasuredBySweep() throws IOException {
    Path captured = Files.createDirectory(directory.resolve("captured"));
    Run run =
        Run.lvsa(
            "generate",
            "--random-weights",
            "wan2.1-1.3b",
            "--frames",
            101,
            "--resolution",
            "32x32",
            "--steps",
            1,
            "--guidance-scale",
            1,
            "--capture",
            captured,
            "-o",
            directory.resolve("out.safetensors"));
    assertEquals(0, run.code(), run.err());
    assertEquals(
        List.of("layer00-step000-cond.safetensors", "layer01-step000-cond.safetensors"),
        files(captured));
    Path out = directory.resolve("sweep");
    Run sweep =
        Run.lvsa(
            "sweep",
            "--input",
            captured.resolve("layer01-step000-cond.safetensors"),
            "--sparsity-scales",
            "0.5",
            "--backends",
            "vector",
            "--reps",
            1,
            "--max-seconds",
            0.1,
            "-o",
            out);
    assertEquals(0, sweep.code(), sweep.err());
    String row = Files.readAllLines(out.resolve("results.csv")).getLast();
    assertTrue(row.contains(",26,4,104,1,2,2,128,"), row);
    assertTrue(row.contains("layer01-step000-cond.safetensors"), row);
    Run other =
        Run.lvsa(
            "sweep",
            "--input",
            captured.resolve("layer01-step000-cond.safetensors"),
            "--heads",
            1,
            "--latent-frames",
            27,
            "--backends",
            "vector",
            "-o",
            directory.resolve("other"));
    assertFalse(other.code() == 0 && other.err().isEmpty(), other.out());
    assertTrue((other.err() + other.out()).contains("26 latent frames of 4 patches"), other.err());
  }

  @Test
  void modelsAreListedAndInspected() {
    Run list = Run.lvsa("models", "list");
    assertEquals(0, list.code(), list.err());
    assertTrue(list.out().contains("wan2.1-1.3b"), list.out());
    Run inspect = Run.lvsa("models", "inspect", model, "--frames", 17, "--resolution", "80x48");
    assertEquals(0, inspect.code(), inspect.err());
    assertTrue(inspect.out().startsWith("class       WanPipeline"), inspect.out());
    assertTrue(inspect.out().contains("layers 2, heads 3, head dim 20, feed forward 112"));
    assertTrue(inspect.out().contains("of 17 frames of 80x48"), inspect.out());
    Run defaults = Run.lvsa("models", "inspect", model);
    assertTrue(defaults.out().contains("of 81 frames of 832x480"), defaults.out());
    Run json = Run.lvsa("models", "inspect", model, "--format", "json");
    assertTrue(json.out().contains("\"class\" : \"WanPipeline\""), json.out());
    assertEquals(2, Run.lvsa("models", "inspect", model.resolve("vae")).code());
    assertEquals(2, Run.lvsa("models").code());
  }
}
