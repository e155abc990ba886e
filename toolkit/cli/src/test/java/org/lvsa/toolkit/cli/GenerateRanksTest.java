// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.hunyuan.TinyHunyuan;
import org.lvsa.toolkit.io.ChildJvm;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.tensor.Safetensors;

/** {@code lvsa generate} on several ranks, of every kind and of two kinds at a time. */
class GenerateRanksTest {
  private static final Path MODELS = Path.of("../../../shared/golden/pipelines");

  /** Kinds by their option; each with two ranks. */
  private static final List<String> KINDS =
      List.of(
          "--tensor-parallel-size",
          "--ulysses-degree",
          "--ring-degree",
          "--global-kv-degree",
          "--cfg-parallel-size",
          "--hsdp-shard-size");

  @TempDir private Path directory;

  private float[] latents(Path file) {
    try (Arena arena = Arena.ofConfined()) {
      return Safetensors.open(file, arena)
          .data("latents")
          .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }
  }

  private static double difference(float[] expected, float[] actual) {
    assertEquals(expected.length, actual.length);
    double squares = 0;
    double size = 0;
    for (int e = 0; e < expected.length; e++) {
      squares += Math.pow((double) expected[e] - actual[e], 2);
      size += Math.pow(expected[e], 2);
    }
    return Math.sqrt(squares / size);
  }

  private Run run(List<Object> words, Path out, String... more) {
    List<Object> all = new ArrayList<>(words);
    all.addAll(List.of("-o", out));
    all.addAll(List.of(more));
    return Run.lvsa(all.toArray());
  }

  /** A model with four heads, so that two kinds can divide them. */
  private static final List<Object> FOUR_HEADS =
      List.of(
          "generate",
          "--random-weights",
          "wan2.1-1.3b",
          "--dim-scale",
          "medium",
          "--layers",
          "2",
          "--frames",
          "29",
          "--resolution",
          "32x32",
          "--steps",
          "2");

  @ParameterizedTest
  @CsvSource({
    "--tensor-parallel-size 2 --ring-degree 2, 'by weights (2), round a ring (2)'",
    "--tensor-parallel-size 2 --ulysses-degree 2, 'by weights (2), by heads (2)'",
    "--tensor-parallel-size 2 --cfg-parallel-size 2, 'by weights (2), by branches of guidance (2)'",
    "--ulysses-degree 2 --ring-degree 2, 'by heads (2), round a ring (2)'"
  })
  void ranksOfTwoKindsMakeTheVideoOfOne(String options, String shown) {
    Path one = directory.resolve("one.safetensors");
    Path several = directory.resolve("several.safetensors");
    assertEquals(0, run(FOUR_HEADS, one).code());
    Run run = run(FOUR_HEADS, several, options.split(" "));
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("  on 4 ranks, " + shown + "\n"), run.out());
    double difference = difference(latents(one), latents(several));
    assertTrue(difference <= 1e-5, "differs by " + difference);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--tensor-parallel-size 3 | heads must be a multiple of --tensor-parallel-size (3), got 4:"
            + " try one of [1, 2]",
        "--ulysses-degree 3 | heads must be a multiple of --ulysses-degree (3), got 4: try one of"
            + " [1, 2, 4], or --ulysses-mode advanced_uaa",
        "--tensor-parallel-size 2 --ulysses-degree 4 | heads must be a multiple of --ulysses-degree"
            + " (4), got 2: try one of [1, 2], or",
        "--tensor-parallel-size 2 --capture DIR | --capture writes all heads of an attention",
        "--cfg-parallel-size 3 | CFG parallel size must be 1 or 2, but got 3",
        "--cfg-parallel-size 2 --guidance-scale 1 | guidance has 2 branches for --cfg-parallel-size"
            + " 2 only above a scale of 1, got 1.0",
        "--cfg-parallel-size 2 --batched-guidance | ranks of --cfg-parallel-size 2 run one branch",
        "--vae-patch-parallel-size 2 | --vae-patch-parallel-size must be from 1 to the number of"
            + " ranks (1), got 2",
        "--use-hsdp | --use-hsdp needs several ranks, got 1: give --hsdp-shard-size 2",
        "--hsdp-shard-size 2 | --hsdp-shard-size and --hsdp-replicate-size belong to --use-hsdp",
        "--use-hsdp --hsdp-shard-size 3 --ulysses-degree 2 | HSDP dimensions (1 x 3 = 3) must equal"
            + " the number of ranks (2): leave --hsdp-shard-size out",
        "--use-hsdp --tensor-parallel-size 2 | --use-hsdp cannot be used with"
            + " --tensor-parallel-size (2)",
        "--use-hsdp --hsdp-shard-size 2 | --use-hsdp needs weights in files",
        "--use-hsdp --cfg-parallel-size 2 --cache-backend first_block | --use-hsdp with"
            + " --cfg-parallel-size 2 runs all blocks of both branches together",
        "--ulysses-degree 2 --joins 0:5000 | --joins is of processes: give --ranks processes too",
        "--ulysses-degree 2 --ranks processes --joins 5000 | --joins must be RANK:PORT, got 5000",
        "--ulysses-degree 2 --ranks processes --joins 2:5000 | rank must be from 0 to the number of"
            + " ranks less 1, got rank 2 of 2",
        "--ring-degree 0 | --ring-degree must be at least 1, got 0",
        "--ring-degree 2 --global-kv-degree 2 | give --ring-degree or --global-kv-degree, not both",
        "--ulysses-degree 2 --devices 0:0,0:0 | --devices must name each device once, got 0:0,0:0",
        "--ulysses-degree 2 --devices 0 | --devices must be DRIVER:INDEX joined by commas",
        "--ulysses-degree 2 --devices 0:0,0:1 --device 0:1 | --device 0:1 is of every rank,"
            + " --devices 0:0,0:1 are of the ranks in turn: give one of the two",
        "--ulysses-degree 2 --backend vector --devices 0:0,0:1 | backend vector has no device 0:0",
        "--ulysses-degree 2147483647 --ring-degree 3 | ranks must be at most 2^31-1, the product"
      })
  void whatDoesNotFitIsRefusedInOneLine(String options, String message) {
    Run run = run(FOUR_HEADS, directory.resolve("x.safetensors"), options.split(" "));
    assertEquals(2, run.code(), run.out());
    assertTrue(run.err().contains("lvsa: " + message), run.err());
    assertEquals(1, run.err().lines().filter(line -> line.startsWith("lvsa: ")).count(), run.err());
  }

  @Test
  void normalisedGuidanceIsAnotherVideoAndTheSameOnTwoRanks() {
    Path published = directory.resolve("published.safetensors");
    Path one = directory.resolve("one.safetensors");
    Path two = directory.resolve("two.safetensors");
    assertEquals(0, run(FOUR_HEADS, published).code());
    assertEquals(0, run(FOUR_HEADS, one, "--cfg-normalize").code());
    assertEquals(0, run(FOUR_HEADS, two, "--cfg-normalize", "--cfg-parallel-size", "2").code());
    assertTrue(difference(latents(published), latents(one)) > 1e-3);
    assertArrayEquals(latents(one), latents(two));
  }

  /** Every kind alone, and every two of them, on every tiny model. */
  @Tag("full")
  @ParameterizedTest
  @ValueSource(
      strings = {
        "wan/model 48x32",
        "wan_i2v/model 48x32",
        "wan22/a14b/model 48x32",
        "wan22/ti2v5b/model 96x64",
        "wan22/ti2v5b/model 96x64 picture",
        "hunyuan15/model 96x64",
        "hunyuan15_i2v/model 96x64 picture",
        "cogvideox/model 48x32"
      })
  void everyTwoKindsMakeTheVideoOfOne(String which) throws IOException {
    Assumptions.assumeTrue(
        Files.isDirectory(MODELS), () -> "skipped: no golden data at " + MODELS.toAbsolutePath());
    Path folder =
        which.startsWith("hunyuan15_i2v")
            ? TinyHunyuan.unpackWithPicture(directory.resolve("models"))
            : MODELS.resolve(which.split(" ")[0]);
    Path picture = directory.resolve("picture.png");
    ImageIO.write(new BufferedImage(48, 32, BufferedImage.TYPE_INT_RGB), "png", picture.toFile());
    List<Object> words = new ArrayList<>();
    words.addAll(List.of("generate", "--model", folder, "--prompt", "A cat walks"));
    words.addAll(List.of("--frames", "13", "--steps", "2", "--resolution", which.split(" ")[1]));
    if (which.startsWith("wan_i2v") || which.endsWith("picture")) {
      words.addAll(List.of("--image", picture));
    }
    Path one = directory.resolve("one.safetensors");
    Run alone = run(words, one);
    assertEquals(0, alone.code(), alone.err());
    float[] expected = latents(one);
    for (int first = 0; first < KINDS.size(); first++) {
      for (int second = first; second < KINDS.size(); second++) {
        Map<String, Integer> degrees = new LinkedHashMap<>();
        degrees.put(KINDS.get(first), 2);
        degrees.put(KINDS.get(second), 2);
        check(folder, words, degrees, expected);
      }
    }
  }

  /** 27 tokens, or 9 frames of 15: the last rank holds padding, whatever the ranks divide. */
  @Tag("full")
  @ParameterizedTest
  @ValueSource(
      strings = {
        "wan22/a14b/model 48x48",
        "wan22/ti2v5b/model 96x96",
        "hunyuan15/model 48x80",
        "cogvideox/model 48x48"
      })
  void anyNumberOfTokensDivides(String which) {
    Assumptions.assumeTrue(
        Files.isDirectory(MODELS), () -> "skipped: no golden data at " + MODELS.toAbsolutePath());
    List<Object> words = new ArrayList<>();
    words.addAll(List.of("generate", "--model", MODELS.resolve(which.split(" ")[0])));
    words.addAll(List.of("--prompt", "A cat walks", "--frames", "9", "--steps", "2"));
    words.addAll(List.of("--resolution", which.split(" ")[1]));
    Path one = directory.resolve("one.safetensors");
    Path several = directory.resolve("several.safetensors");
    for (String attention : List.of("dense", "lvsa")) {
      List<Object> asked = new ArrayList<>(words);
      asked.addAll(List.of("--attention", attention));
      Run alone = run(asked, one);
      assertEquals(0, alone.code(), alone.err());
      for (String ranks :
          List.of(
              "--ulysses-degree 2",
              "--ring-degree 2",
              "--ring-degree 4",
              "--ulysses-degree 2 --ring-degree 2",
              "--global-kv-degree 2",
              "--ulysses-degree 3 --ulysses-mode advanced_uaa",
              "--ulysses-degree 3 --ring-degree 2 --ulysses-mode advanced_uaa")) {
        Run run = run(asked, several, ranks.split(" "));
        String what = attention + " " + ranks + ": ";
        assertEquals(0, run.code(), what + run.err());
        double difference = difference(latents(one), latents(several));
        assertTrue(difference <= 1e-5, what + "differs by " + difference);
      }
    }
  }

  @Test
  void anyNumberOfHeadsDividesWhereThatIsAskedFor() {
    Path one = directory.resolve("one.safetensors");
    Path three = directory.resolve("three.safetensors");
    assertEquals(0, run(FOUR_HEADS, one).code());
    String[] options = {"--ulysses-degree", "3", "--ulysses-mode", "advanced_uaa"};
    Run run = run(FOUR_HEADS, three, options);
    assertEquals(0, run.code(), run.err());
    double difference = difference(latents(one), latents(three));
    assertTrue(difference <= 1e-5, "differs by " + difference);
  }

  @Test
  void tokensThatDoNotDivideArePaddedAndStepCachesDecideTogether() {
    List<Object> words = new ArrayList<>(FOUR_HEADS);
    words.set(words.lastIndexOf("2"), "4");
    words.addAll(List.of("--attention", "lvsa", "--cache-backend", "cache_dit"));
    words.addAll(
        List.of("--cache-config", "{\"residual_diff_threshold\": 0.3, \"max_warmup_steps\": 2}"));
    // 6 latent frames of 3x3 patches: 54 tokens over 4 ranks leave 2.
    words.set(words.indexOf("29"), "21");
    words.set(words.indexOf("32x32"), "48x48");
    Path one = directory.resolve("one.safetensors");
    Path four = directory.resolve("four.safetensors");
    Run alone = run(words, one);
    assertEquals(0, alone.code(), alone.err());
    Run run = run(words, four, "--ulysses-degree", "4");
    assertEquals(0, run.code(), run.err());
    assertEquals(cached(alone), cached(run));
    double difference = difference(latents(one), latents(four));
    assertTrue(difference <= 1e-5, "differs by " + difference);
  }

  /** Frames of 2x2 tiles: three ranks decode them, and a fourth one has none. */
  @ParameterizedTest
  @ValueSource(strings = {"threads", "processes"})
  void tilesThatRanksDecodeAreTheFramesOfOneRank(String kind) throws IOException {
    List<Object> words = new ArrayList<>(FOUR_HEADS);
    words.set(words.indexOf("29"), "5");
    words.set(words.indexOf("32x32"), "272x272");
    words.set(words.lastIndexOf("2"), "1");
    words.addAll(List.of("--output-type", "png"));
    Path one = directory.resolve("one");
    Path three = directory.resolve("three");
    Run alone = run(words, one, "--vae-tiling");
    assertEquals(0, alone.code(), alone.err());
    String[] options = {
      "--ulysses-degree", "2", "--cfg-parallel-size", "2", "--vae-patch-parallel-size", "3"
    };
    List<String> all = new ArrayList<>(List.of(options));
    all.addAll(List.of("--ranks", kind));
    Run run = run(words, three, all.toArray(String[]::new));
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("by tiles of the decoder (3)"), run.out());
    requireSameFrames(one, three, 5);
  }

  /** Sums of the ranks' attention may move a value over the edge between two levels. */
  private static void requireSameFrames(Path one, Path several, int count) throws IOException {
    for (int frame = 0; frame < count; frame++) {
      String name = String.format(Locale.ROOT, "frame-%05d.png", frame);
      BufferedImage expected = ImageIO.read(one.resolve(name).toFile());
      BufferedImage actual = ImageIO.read(several.resolve(name).toFile());
      for (int y = 0; y < expected.getHeight(); y++) {
        for (int x = 0; x < expected.getWidth(); x++) {
          for (int shift = 0; shift < 24; shift += 8) {
            int difference =
                (expected.getRGB(x, y) >> shift & 255) - (actual.getRGB(x, y) >> shift & 255);
            assertTrue(Math.abs(difference) <= 1, name + " differs at " + x + ", " + y);
          }
        }
      }
    }
  }

  /** Every kind together with tiles on ranks, of frames of two tiles. */
  @Tag("full")
  @ParameterizedTest
  @ValueSource(strings = {"wan_i2v/model", "hunyuan15/model", "cogvideox/model"})
  void everyKindDecodesTilesOnRanks(String which) throws IOException {
    Assumptions.assumeTrue(
        Files.isDirectory(MODELS), () -> "skipped: no golden data at " + MODELS.toAbsolutePath());
    Path picture = directory.resolve("picture.png");
    ImageIO.write(new BufferedImage(48, 32, BufferedImage.TYPE_INT_RGB), "png", picture.toFile());
    List<Object> words = new ArrayList<>();
    words.addAll(List.of("generate", "--model", MODELS.resolve(which), "--prompt", "A cat walks"));
    words.addAll(List.of("--frames", "5", "--steps", "1", "--output-type", "png"));
    words.addAll(List.of("--resolution", which.startsWith("cog") ? "368x32" : "288x32"));
    if (which.startsWith("wan_i2v")) {
      words.addAll(List.of("--image", picture));
    }
    Path one = directory.resolve("one");
    Run alone = run(words, one, "--vae-tiling");
    assertEquals(0, alone.code(), alone.err());
    for (String kind : KINDS) {
      List<String> options = new ArrayList<>(List.of(kind, "2", "--vae-patch-parallel-size", "2"));
      if (kind.startsWith("--hsdp")) {
        options.add("--use-hsdp");
      }
      Path several = directory.resolve("several" + kind);
      Run run = run(words, several, options.toArray(String[]::new));
      assertEquals(0, run.code(), kind + ": " + run.err());
      assertTrue(run.out().contains("by tiles of the decoder"), run.out());
      requireSameFrames(one, several, 5);
    }
  }

  /** One process a rank, as a user starts them: each with its place and the run's secret. */
  @Tag("full")
  @Test
  void ranksThatAUserStartsMeetAtAPort() throws Exception {
    int port = unusedPort();
    String secret = HexFormat.of().formatHex(new SecureRandom().generateSeed(32));
    Path one = directory.resolve("one.safetensors");
    Path two = directory.resolve("two.safetensors");
    assertEquals(0, run(FOUR_HEADS, one).code());
    List<Process> processes = new ArrayList<>();
    try {
      for (int rank : new int[] {1, 0}) {
        List<String> command = ChildJvm.command(Lvsa.class.getName(), List.of());
        FOUR_HEADS.forEach(word -> command.add(word.toString()));
        command.addAll(List.of("-o", two.toString(), "--ulysses-degree", "2"));
        command.addAll(List.of("--ranks", "processes", "--joins", rank + ":" + port));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("LVSA_RANK_SECRET", secret);
        processes.add(
            builder.redirectOutput(directory.resolve("rank" + rank + ".log").toFile()).start());
      }
      for (Process process : processes) {
        assertTrue(process.waitFor(120, TimeUnit.SECONDS));
      }
      String log = Files.readString(directory.resolve("rank0.log"));
      assertEquals(0, processes.getLast().exitValue(), log);
      assertEquals(0, processes.getFirst().exitValue(), log);
      assertTrue(log.contains("  on 2 ranks, by heads\n"), log);
      double difference = difference(latents(one), latents(two));
      assertTrue(difference <= 1e-5, "differs by " + difference);
    } finally {
      processes.forEach(Process::destroyForcibly);
    }
  }

  /** A free port below those that the system hands out, so that nobody is given it meanwhile. */
  private static int unusedPort() throws IOException {
    Random random = new Random();
    while (true) {
      int port = 20_000 + random.nextInt(10_000);
      try (ServerSocket probe = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
        return probe.getLocalPort();
      } catch (BindException e) {
        continue; // somebody has it
      }
    }
  }

  @Test
  void smallFramesAreDecodedInPatchesWhereThatIsAskedFor() throws IOException {
    List<Object> words = new ArrayList<>(FOUR_HEADS);
    words.set(words.indexOf("29"), "5");
    words.set(words.lastIndexOf("2"), "1");
    words.addAll(List.of("--output-type", "png"));
    Path one = directory.resolve("one");
    Path two = directory.resolve("two");
    assertEquals(0, run(words, one).code());
    String[] options = {
      "--ulysses-degree", "2", "--vae-patch-parallel-size", "2", "--vae-parallel-mode", "patch"
    };
    Run run = run(words, two, options);
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("by patches of the decoder (2)"), run.out());
    // A frame of 4x4 latent pixels: a margin of 4 of them shows each rank the whole of it.
    requireSameFrames(one, two, 5);
  }

  @ParameterizedTest
  @CsvSource({
    "--hsdp-shard-size 2, threads, 2",
    "--cfg-parallel-size 2, processes, 2",
    "--hsdp-shard-size 3, threads, 3",
    "--hsdp-shard-size 2 --hsdp-replicate-size 2, threads, 4"
  })
  void ranksThatHoldPartsOfTheBlocksMakeTheVideoBitForBit(
      String options, String kind, int world, @TempDir Path shared) throws IOException {
    List<Object> words = new ArrayList<>();
    words.addAll(List.of("generate", "--model", GoldenRun.wanModel(shared)));
    words.addAll(List.of("--prompt", "A cat", "--frames", "9", "--resolution", "32x32"));
    words.addAll(List.of("--steps", "2"));
    Path one = directory.resolve("one.safetensors");
    Path several = directory.resolve("several.safetensors");
    assertEquals(0, run(words, one).code());
    List<String> all = new ArrayList<>(List.of(options.split(" ")));
    all.addAll(List.of("--use-hsdp", "--ranks", kind));
    Run run = run(words, several, all.toArray(String[]::new));
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("  on " + world + " ranks, "), run.out());
    assertTrue(run.out().contains("by shards of blocks"), run.out());
    assertArrayEquals(latents(one), latents(several));
  }

  private static List<String> cached(Run run) {
    return run.out().lines().filter(line -> line.contains("cache")).toList();
  }

  private void check(
      Path folder, List<Object> words, Map<String, Integer> degrees, float[] expected)
      throws IOException {
    List<String> options = new ArrayList<>();
    degrees.forEach((option, degree) -> options.addAll(List.of(option, degree.toString())));
    if (degrees.containsKey("--hsdp-shard-size")) {
      options.add("--use-hsdp");
    }
    if (degrees.containsKey("--ulysses-degree")) {
      // The tiny models have 2 or 3 heads, which other ranks may have divided already.
      options.addAll(List.of("--ulysses-mode", "advanced_uaa"));
    }
    Path out = directory.resolve("several.safetensors");
    Files.deleteIfExists(out);
    Run run = run(words, out, options.toArray(String[]::new));
    String what = folder + " " + options + ": ";
    if (!fits(folder, degrees)) {
      assertEquals(2, run.code(), what + run.out());
      assertTrue(
          run.err().matches("(?s).*(must be a multiple of|not both|cannot be used with).*"), what);
      return;
    }
    assertEquals(0, run.code(), what + run.err());
    assertTrue(run.out().contains(" ranks, "), what + run.out());
    float[] actual = latents(out);
    if (degrees.keySet().equals(Set.of("--cfg-parallel-size"))
        && !folder.toString().contains("cog")) {
      // Nothing is computed otherwise: CogVideoX alone runs both branches in a batch.
      assertArrayEquals(expected, actual, what);
    }
    double difference = difference(expected, actual);
    assertTrue(difference <= 1e-5, what + "differs by " + difference);
  }

  /** Whether heads divide where they have to, and the two kinds go together. */
  private static boolean fits(Path folder, Map<String, Integer> degrees) throws IOException {
    JsonNode config = Json.read(folder.resolve("transformer/config.json"));
    int heads = config.get("num_attention_heads").intValue();
    int tensor = degrees.getOrDefault("--tensor-parallel-size", 1);
    boolean twice =
        degrees.containsKey("--global-kv-degree")
            && (degrees.containsKey("--ulysses-degree") || degrees.containsKey("--ring-degree"));
    boolean weights =
        degrees.containsKey("--tensor-parallel-size") && degrees.containsKey("--hsdp-shard-size");
    return heads % tensor == 0 && !twice && !weights;
  }
}
