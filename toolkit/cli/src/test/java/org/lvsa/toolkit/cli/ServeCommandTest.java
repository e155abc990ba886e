// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.video.VideoReader;
import picocli.CommandLine.Model.OptionSpec;

/** {@code lvsa serve} on the tiny Wan model, as a process of its own. */
class ServeCommandTest {
  private static final long PATIENCE = 120;
  private static final Pattern ADDRESS = Pattern.compile("at (http://\\S+)/,");

  @TempDir private static Path shared;
  private static Path model;

  @TempDir private Path folder;
  private final List<Process> started = new ArrayList<>();
  private final HttpClient client = HttpClient.newHttpClient();

  @BeforeAll
  static void unpack() throws IOException {
    model = GoldenRun.wanModel(shared);
  }

  @AfterEach
  void end() {
    started.forEach(Process::destroyForcibly);
  }

  /** Starts a server and waits until it says where it listens. */
  private String serve(Map<String, String> environment, Object... more) throws Exception {
    List<String> words =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "@../launcher/jvm-flags",
                "-cp",
                System.getProperty("java.class.path"),
                Lvsa.class.getName(),
                "serve",
                "--model",
                model.toString(),
                "--port",
                "0",
                "--data",
                folder.resolve("data").toString()));
    for (Object word : more) {
      words.add(word.toString());
    }
    Path out = folder.resolve("out" + started.size());
    Path err = folder.resolve("err" + started.size());
    ProcessBuilder builder =
        new ProcessBuilder(words).redirectOutput(out.toFile()).redirectError(err.toFile());
    builder.environment().putAll(environment);
    Process process = builder.start();
    started.add(process);
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE);
    while (true) {
      Matcher address = ADDRESS.matcher(Files.readString(out));
      if (address.find()) {
        return address.group(1);
      }
      assertTrue(process.isAlive() && System.nanoTime() < end, Files.readString(err));
      Thread.sleep(20);
    }
  }

  private JsonNode json(HttpRequest.Builder request) throws Exception {
    return Json.parse(client.send(request.build(), BodyHandlers.ofString()).body(), "answer");
  }

  private JsonNode get(String url) throws Exception {
    return json(HttpRequest.newBuilder(URI.create(url)));
  }

  private JsonNode post(String url, String body) throws Exception {
    return json(
        HttpRequest.newBuilder(URI.create(url))
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(body)));
  }

  private JsonNode await(String url, String status) throws Exception {
    return awaitThat(url, job -> job.get("status").textValue().equals(status));
  }

  private JsonNode awaitThat(String url, Predicate<JsonNode> wanted) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE);
    while (true) {
      JsonNode job = get(url);
      if (wanted.test(job)) {
        return job;
      }
      assertTrue(System.nanoTime() < end, job.toString());
      Thread.sleep(20);
    }
  }

  private static List<byte[]> frames(Path video) {
    List<byte[]> frames = new ArrayList<>();
    try (VideoReader reader = VideoReader.open(video)) {
      byte[] frame = new byte[reader.frameBytes()];
      while (reader.read(frame)) {
        frames.add(frame.clone());
      }
    }
    return frames;
  }

  private byte[] content(String url) throws Exception {
    return client
        .send(
            HttpRequest.newBuilder(URI.create(url + "/content")).build(),
            BodyHandlers.ofByteArray())
        .body();
  }

  private String submit(String address, String fields) throws Exception {
    JsonNode job =
        post(
            address + "/v1/videos",
            "{\"prompt\": \"A cat walks\", \"size\": \"48x32\", \"seed\": 7, " + fields + "}");
    assertEquals("queued", job.path("status").asText(), job.toString());
    return "/v1/videos/" + job.get("id").textValue();
  }

  @Test
  void createPollAndDownloadGiveTheFramesOfGenerate() throws Exception {
    Map<String, String> environment =
        Map.of("LVSA_REFERENCE_LATENT_FRAMES", "5", "LVSA_ROTATE_KEYFRAMES", "1");
    Path generated = folder.resolve("generated.mp4");
    Run run =
        Run.with(
            environment,
            "generate",
            "--model",
            model,
            "--prompt",
            "A cat walks",
            "--negative-prompt",
            "static",
            "--frames",
            37,
            "--resolution",
            "48x32",
            "--steps",
            2,
            "--guidance-scale",
            4,
            "--seed",
            7,
            "--attention",
            "lvsa",
            "--window",
            4,
            "-o",
            generated);
    assertEquals(0, run.code(), run.err());

    String address = serve(environment, "--attention", "lvsa", "--window", 4);
    String one =
        address
            + submit(
                address,
                "\"negative_prompt\": \"static\", \"num_frames\": 37,"
                    + " \"num_inference_steps\": 2, \"guidance_scale\": 4");
    // A request may choose otherwise than the server.
    String dense =
        address
            + submit(
                address,
                "\"num_frames\": 37, \"num_inference_steps\": 2,"
                    + " \"lvsa\": {\"attention\": \"dense\"}");
    JsonNode job = await(one, "completed");
    Path downloaded = Files.write(folder.resolve("downloaded.mp4"), content(one));
    List<byte[]> expected = frames(generated);
    List<byte[]> frames = frames(downloaded);
    assertEquals(37, expected.size());
    assertEquals(expected.size(), frames.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), frames.get(i), "frame " + i);
    }
    double density = job.get("lvsa").get("density").doubleValue();
    assertTrue(density < 1, job.toString());
    assertTrue(run.out().contains(String.format(Locale.ROOT, "density %.4f", density)), run.out());
    assertTrue(
        run.out().contains("kernel " + job.get("lvsa").get("kernel").textValue() + " on "),
        run.out());
    assertEquals(1.0, await(dense, "completed").get("lvsa").get("density").doubleValue());
    String log = Files.readString(folder.resolve("err0"));
    for (String line :
        List.of(
            "[LVSA-hook] Installed LVSA hook on WanSelfAttention",
            "[LVSA] Geometry detected: T_lat=10",
            "[LVSA] reference_latent_frames=5 target_latent_frames=10")) {
      assertTrue(log.contains(line), line + " in " + log);
    }

    // A picture is one frame of a video.
    JsonNode picture =
        post(
            address + "/v1/images/generations",
            "{\"prompt\": \"A cat\", \"size\": \"48x32\", \"num_inference_steps\": 2, \"n\": 2}");
    assertEquals(2, picture.path("data").size(), picture.toString());
    byte[] png = Base64.getDecoder().decode(picture.get("data").get(0).get("b64_json").textValue());
    BufferedImage image = ImageIO.read(new ByteArrayInputStream(png));
    assertEquals("48x32", image.getWidth() + "x" + image.getHeight());
  }

  /** Of one run, or told by the fields of a request. */
  private static final Set<String> PER_REQUEST =
      Set.of(
          "--prompt",
          "--negative-prompt",
          "--resolution",
          "--frames",
          "--steps",
          "--guidance-scale",
          "--guidance-scale-2",
          "--boundary-ratio",
          "--flow-shift",
          "--seed",
          "--fps",
          "--image",
          "--last-image",
          "--latents",
          "--noise",
          "--output",
          "--output-type",
          "--save-every",
          "--resume",
          "--compare",
          "--evaluate",
          "--capture");

  private static Set<String> options(String command) {
    return Lvsa.commandLine(Map.of())
        .getSubcommands()
        .get(command)
        .getCommandSpec()
        .options()
        .stream()
        .map(OptionSpec::longestName)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void everyOptionOfGenerateThatIsNotOfOneRequestIsAServersToo() {
    Set<String> ofGenerate = options("generate");
    assertTrue(ofGenerate.containsAll(PER_REQUEST), "all of these are options: " + ofGenerate);
    Set<String> shared = new TreeSet<>(options("serve"));
    shared.retainAll(ofGenerate);
    Set<String> expected = new TreeSet<>(ofGenerate);
    expected.removeAll(PER_REQUEST);
    assertEquals(expected, shared);
  }

  /** Each option does what it does for generate, for one video after the other. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "--attention radial:block=4",
        "--riflex 2 --load-threads 0",
        "--enable-layerwise-offload",
        "--cfg-parallel-size 2 --ranks processes",
      })
  @Tag("full")
  void videosAreMadeAsGenerateMakesThem(String options) throws Exception {
    Object[] typed = options.split(" ");
    List<Object> words =
        new ArrayList<>(
            List.of("generate", "--model", model, "--prompt", "A cat walks", "--frames", 37));
    words.addAll(List.of("--resolution", "48x32", "--steps", 2, "--seed", 7));
    words.addAll(List.of(typed));
    Path generated = folder.resolve("generated.mp4");
    words.addAll(List.of("-o", generated));
    Run run = Run.lvsa(words.toArray());
    assertEquals(0, run.code(), run.err());
    List<byte[]> expected = frames(generated);

    String address = serve(Map.of(), typed);
    for (int i = 0; i < 2; i++) {
      String one = address + submit(address, "\"num_frames\": 37, \"num_inference_steps\": 2");
      JsonNode job = await(one, "completed");
      String attention = job.get("lvsa").get("attention").textValue();
      assertEquals(options.contains("radial") ? "radial" : "dense", attention);
      List<byte[]> frames =
          frames(Files.write(folder.resolve("served" + i + ".mp4"), content(one)));
      assertEquals(expected.size(), frames.size());
      for (int frame = 0; frame < frames.size(); frame++) {
        assertArrayEquals(expected.get(frame), frames.get(frame), "frame " + frame);
      }
    }
  }

  @Test
  @Tag("full")
  void aProfileHasWhatRanWhileItWasTaken() throws Exception {
    Path profiles = folder.resolve("profiles");
    String address = serve(Map.of(), "--profile", profiles);
    assertEquals(
        "profiler_state", post(address + "/stop_profile", "").at("/error/code").textValue());
    for (int i = 0; i < 2; i++) {
      String name = post(address + "/start_profile", "").path("folder").asText();
      assertEquals(
          "profiler_state", post(address + "/start_profile", "").at("/error/code").textValue());
      await(
          address + submit(address, "\"num_frames\": 5, \"num_inference_steps\": 1"), "completed");
      String file = post(address + "/stop_profile", "").path("file").asText();
      String trace = Files.readString(profiles.resolve(name).resolve(file));
      assertTrue(trace.contains("\"denoise\"") && trace.contains("\"decode\""), trace);
    }
  }

  @Test
  @Tag("full")
  void aVideoOfSeveralProcessesIsCancelledInAllOfThem() throws Exception {
    String address = serve(Map.of(), "--cfg-parallel-size", 2, "--ranks", "processes");
    String running = address + submit(address, "\"num_frames\": 37, \"num_inference_steps\": 200");
    awaitThat(running, job -> job.get("progress").intValue() > 0);
    assertEquals(1, started.getFirst().children().count(), "one process beside the server's");
    ProcessHandle later = started.getFirst().children().findFirst().orElseThrow();
    client.send(
        HttpRequest.newBuilder(URI.create(running)).DELETE().build(), BodyHandlers.ofString());
    later.onExit().get(PATIENCE, TimeUnit.SECONDS);
    String next = address + submit(address, "\"num_frames\": 5, \"num_inference_steps\": 1");
    await(next, "completed");
  }

  @Test
  @Tag("full")
  void aServerThatOffloadsTracesItsRequests() throws Exception {
    Path profiles = folder.resolve("profiles");
    String address = serve(Map.of(), "--enable-layerwise-offload", "--profile", profiles);
    Path profile = profiles.resolve(post(address + "/start_profile", "").get("folder").textValue());
    List<String> requests = new ArrayList<>();
    for (int steps = 1; steps <= 2; steps++) {
      String job = submit(address, "\"num_frames\": 5, \"num_inference_steps\": " + steps);
      await(address + job, "completed");
      requests.add("request " + job.substring(job.lastIndexOf('/') + 1));
    }
    String file = post(address + "/stop_profile", "").get("file").textValue();
    List<String> phases = new ArrayList<>();
    int steps = 0;
    for (JsonNode event : Json.read(profile.resolve(file)).get("traceEvents")) {
      String name = event.get("name").textValue();
      if (name.startsWith("request ")) {
        phases.add(name);
      } else if (event.path("cat").asText().equals("step")) {
        steps++;
      }
    }
    assertEquals(requests, phases, "a span for each request, in their order");
    assertEquals(3, steps, "of the first request and of the second");
    String log = Files.readString(folder.resolve("err0"));
    assertTrue(log.contains("Layer-wise offloading enabled"), log);
    assertTrue(log.contains("[offload] denoising: weights at most"), log);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @Tag("full")
  void whatIsKilledGoesOn(boolean restartRunning) throws Exception {
    String[] options = restartRunning ? new String[] {"--restart-running"} : new String[0];
    String address = serve(Map.of(), (Object[]) options);
    String done = submit(address, "\"num_frames\": 5, \"num_inference_steps\": 1");
    await(address + done, "completed");
    byte[] before = content(address + done);
    String running = submit(address, "\"num_frames\": 65, \"num_inference_steps\": 200");
    String waiting = submit(address, "\"num_frames\": 5, \"num_inference_steps\": 2");
    await(address + running, "in_progress");
    started.getFirst().destroyForcibly().waitFor();

    address = serve(Map.of(), (Object[]) options);
    JsonNode again = get(address + running);
    if (restartRunning) {
      assertTrue(
          List.of("queued", "in_progress").contains(again.get("status").textValue()),
          again.toString());
      // Its 200 steps are of no use here.
      client.send(
          HttpRequest.newBuilder(URI.create(address + running)).DELETE().build(),
          BodyHandlers.ofString());
    } else {
      assertEquals("failed", again.get("status").textValue());
      assertEquals("server_stopped", again.get("error").get("code").textValue());
    }
    await(address + waiting, "completed");
    assertEquals(100, get(address + done).get("progress").intValue());
    assertArrayEquals(before, content(address + done));
  }

  @ParameterizedTest
  @CsvSource({"100, completed", "0, failed"})
  @Tag("full")
  void aServerThatIsToldToEndLetsTheRunningJobEndWithinItsGrace(int grace, String status)
      throws Exception {
    String address = serve(Map.of(), "--grace", grace);
    String running = submit(address, "\"num_frames\": 65, \"num_inference_steps\": 60");
    String waiting = submit(address, "\"num_frames\": 5, \"num_inference_steps\": 1");
    await(address + running, "in_progress");
    Process process = started.getFirst();
    process.destroy();
    assertTrue(process.waitFor(PATIENCE, TimeUnit.SECONDS), "the server ends");
    assertEquals(143, process.exitValue());
    address = serve(Map.of());
    JsonNode job = get(address + running);
    assertEquals(status, job.get("status").textValue(), job.toString());
    if (grace == 0) {
      assertEquals("server_stopped", job.get("error").get("code").textValue());
    } else {
      assertTrue(content(address + running).length > 1000);
    }
    await(address + waiting, "completed");
  }

  @ParameterizedTest
  @CsvSource({
    "--host 0.0.0.0, an API key is required",
    "--port 70000, the port must be from 0 to 65535",
    "--quota much, --quota must be a number of bytes",
    "--queue 0, the queue needs at least 1 place",
    "--attention radail, unknown attention radail",
    "--enable-cpu-offload --ulysses-degree 2, --enable-cpu-offload runs on 1 rank",
    "--transformer device --cache-backend tea_cache, --transformer device attends",
    "--riflex 0.5, scale",
    "--dynamic-guidance, not supported by this pipeline",
    "--load-threads -1, --load-threads must be at least 0",
    "--default-sampling-params {\"promt\":1}, unknown field promt",
    "--default-sampling-params [, --default-sampling-params",
    "--grace -1, --grace must be from 0",
    "--api-key-file nowhere.txt, nowhere.txt",
  })
  void wrongOptionsAreToldInOneLine(String options, String message) {
    List<Object> words =
        new ArrayList<>(List.of("serve", "--model", model, "--data", folder.resolve("data")));
    words.addAll(List.of(options.split(" ")));
    Run run = Run.lvsa(words.toArray());
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().contains(message), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
  }
}
