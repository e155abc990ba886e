// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
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
import picocli.CommandLine.Model.OptionSpec;

/** {@code lvsa serve} on the tiny Wan model. */
class ServeCommandTest {
  @TempDir private static Path shared;
  private static Path model;

  @TempDir private Path folder;
  private final List<ServeProcess> started = new ArrayList<>();

  @BeforeAll
  static void unpack() throws IOException {
    model = GoldenRun.wanModel(shared);
  }

  @AfterEach
  void end() {
    started.forEach(ServeProcess::close);
  }

  private ServeProcess serve(Map<String, String> environment, Object... more) throws Exception {
    ServeProcess server = ServeProcess.start(folder, environment, model, more);
    started.add(server);
    return server;
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

    ServeProcess server = serve(environment, "--attention", "lvsa", "--window", 4);
    String one =
        server.submit(
            "\"negative_prompt\": \"static\", \"num_frames\": 37,"
                + " \"num_inference_steps\": 2, \"guidance_scale\": 4");
    // A request may choose otherwise than the server.
    String dense =
        server.submit(
            "\"num_frames\": 37, \"num_inference_steps\": 2,"
                + " \"lvsa\": {\"attention\": \"dense\"}");
    JsonNode job = server.await(one, "completed");
    server.requireFrames(generated, one, folder);
    double density = job.get("lvsa").get("density").doubleValue();
    assertTrue(density < 1, job.toString());
    assertTrue(run.out().contains(String.format(Locale.ROOT, "density %.4f", density)), run.out());
    assertTrue(
        run.out().contains("kernel " + job.get("lvsa").get("kernel").textValue() + " on "),
        run.out());
    assertEquals(1.0, server.await(dense, "completed").get("lvsa").get("density").doubleValue());
    String log = server.log();
    for (String line :
        List.of(
            "[LVSA] Startup: model=model class=WanPipeline attention=lvsa LVSA_WINDOW_SIZE=4"
                + " LVSA_ROTATE_KEYFRAMES=1 LVSA_REFERENCE_LATENT_FRAMES=5 LVSA_BACKEND=auto",
            "[LVSA-hook] Installed LVSA hook on WanSelfAttention",
            "[LVSA] Geometry detected: T_lat=10",
            "[LVSA] reference_latent_frames=5 target_latent_frames=10")) {
      assertTrue(log.contains(line), line + " in " + log);
    }
    assertTrue(
        log.indexOf("[LVSA] Startup: ") < log.indexOf("[LVSA-hook]"), "before any request: " + log);

    // A picture is one frame of a video.
    JsonNode picture =
        server.post(
            "/v1/images/generations",
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
          "--edit",
          "--audio",
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

    ServeProcess server = serve(Map.of(), typed);
    for (int i = 0; i < 2; i++) {
      String one = server.submit("\"num_frames\": 37, \"num_inference_steps\": 2");
      JsonNode job = server.await(one, "completed");
      String attention = job.get("lvsa").get("attention").textValue();
      assertEquals(options.contains("radial") ? "radial" : "dense", attention);
      server.requireFrames(generated, one, folder);
    }
  }

  @Test
  @Tag("full")
  void aProfileHasWhatRanWhileItWasTaken() throws Exception {
    Path profiles = folder.resolve("profiles");
    ServeProcess server = serve(Map.of(), "--profile", profiles);
    assertEquals("profiler_state", server.post("/stop_profile", "").at("/error/code").textValue());
    for (int i = 0; i < 2; i++) {
      String name = server.post("/start_profile", "").path("folder").asText();
      assertEquals(
          "profiler_state", server.post("/start_profile", "").at("/error/code").textValue());
      server.await(server.submit("\"num_frames\": 5, \"num_inference_steps\": 1"), "completed");
      String file = server.post("/stop_profile", "").path("file").asText();
      String trace = Files.readString(profiles.resolve(name).resolve(file));
      assertTrue(trace.contains("\"denoise\"") && trace.contains("\"decode\""), trace);
    }
  }

  @Test
  @Tag("full")
  void aVideoOfSeveralProcessesIsCancelledInAllOfThem() throws Exception {
    ServeProcess server = serve(Map.of(), "--cfg-parallel-size", 2, "--ranks", "processes");
    String running = server.submit("\"num_frames\": 37, \"num_inference_steps\": 200");
    server.await(running, job -> job.get("progress").intValue() > 0);
    assertEquals(1, server.process().children().count(), "one process beside the server's");
    ProcessHandle later = server.process().children().findFirst().orElseThrow();
    server.delete(running);
    later.onExit().get(ServeProcess.PATIENCE, TimeUnit.SECONDS);
    String next = server.submit("\"num_frames\": 5, \"num_inference_steps\": 1");
    server.await(next, "completed");
  }

  @Test
  @Tag("full")
  void aServerThatOffloadsTracesItsRequests() throws Exception {
    Path profiles = folder.resolve("profiles");
    ServeProcess server = serve(Map.of(), "--enable-layerwise-offload", "--profile", profiles);
    Path profile = profiles.resolve(server.post("/start_profile", "").get("folder").textValue());
    List<String> requests = new ArrayList<>();
    for (int steps = 1; steps <= 2; steps++) {
      String job = server.submit("\"num_frames\": 5, \"num_inference_steps\": " + steps);
      server.await(job, "completed");
      requests.add("request " + job.substring(job.lastIndexOf('/') + 1));
    }
    String file = server.post("/stop_profile", "").get("file").textValue();
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
    String log = server.log();
    assertTrue(log.contains("Layer-wise offloading enabled"), log);
    assertTrue(log.contains("[offload] denoising: weights at most"), log);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @Tag("full")
  void whatIsKilledGoesOn(boolean restartRunning) throws Exception {
    String[] options = restartRunning ? new String[] {"--restart-running"} : new String[0];
    ServeProcess server = serve(Map.of(), (Object[]) options);
    String done = server.submit("\"num_frames\": 5, \"num_inference_steps\": 1");
    server.await(done, "completed");
    byte[] before = server.content(done);
    String running = server.submit("\"num_frames\": 65, \"num_inference_steps\": 200");
    String waiting = server.submit("\"num_frames\": 5, \"num_inference_steps\": 2");
    server.await(running, "in_progress");
    server.close();

    server = serve(Map.of(), (Object[]) options);
    JsonNode again = server.get(running);
    if (restartRunning) {
      assertTrue(
          List.of("queued", "in_progress").contains(again.get("status").textValue()),
          again.toString());
      // Its 200 steps are of no use here.
      server.delete(running);
    } else {
      assertEquals("failed", again.get("status").textValue());
      assertEquals("server_stopped", again.get("error").get("code").textValue());
    }
    server.await(waiting, "completed");
    assertEquals(100, server.get(done).get("progress").intValue());
    assertArrayEquals(before, server.content(done));
  }

  @ParameterizedTest
  @CsvSource({"100, completed", "0, failed"})
  @Tag("full")
  void aServerThatIsToldToEndLetsTheRunningJobEndWithinItsGrace(int grace, String status)
      throws Exception {
    ServeProcess server = serve(Map.of(), "--grace", grace);
    String running = server.submit("\"num_frames\": 65, \"num_inference_steps\": 60");
    String waiting = server.submit("\"num_frames\": 5, \"num_inference_steps\": 1");
    server.await(running, "in_progress");
    Process process = server.process();
    process.destroy();
    assertTrue(process.waitFor(ServeProcess.PATIENCE, TimeUnit.SECONDS), "the server ends");
    assertEquals(143, process.exitValue());
    server = serve(Map.of());
    JsonNode job = server.get(running);
    assertEquals(status, job.get("status").textValue(), job.toString());
    if (grace == 0) {
      assertEquals("server_stopped", job.get("error").get("code").textValue());
    } else {
      assertTrue(server.content(running).length > 1000);
    }
    server.await(waiting, "completed");
  }

  @ParameterizedTest
  @CsvSource({
    "--host 0.0.0.0, an API key is required",
    "--port 70000, the port must be from 0 to 65535",
    "--quota much, --quota must be a number of bytes",
    "--queue 0, the queue needs at least 1 place",
    "--attention radail, unknown attention radail",
    "--enable-cpu-offload --ulysses-degree 2, --enable-cpu-offload runs on 1 rank",
    "--transformer device --attention radial, --transformer device attends",
    "--ulysses-degree 2, heads must be a multiple of --ulysses-degree (2)",
    "--cfg-parallel-size 2 --batched-guidance, leave --batched-guidance out",
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
