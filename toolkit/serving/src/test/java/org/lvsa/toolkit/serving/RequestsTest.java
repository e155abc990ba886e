// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.lvsa.toolkit.serving.TestServer.error;
import static org.lvsa.toolkit.serving.TestServer.json;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.jobs.FakeMaker;
import org.lvsa.toolkit.jobs.VideoRequest;

/** What requests may be, and what is said of those that may not. */
class RequestsTest {
  private static final Bounds BOUNDS =
      new Bounds(100, 200_000, 50_000, 64 * 64, 1 << 20, 10_000_000);

  @TempDir private static Path folder;
  private static final FakeMaker MAKER = FakeMaker.withPictures();
  private static TestServer server;

  @BeforeAll
  static void start() throws IOException {
    server = TestServer.start(folder, MAKER, s -> TestServer.with(s, BOUNDS));
  }

  @AfterAll
  static void stop() throws IOException {
    server.close();
  }

  /** Quotes in JSON are written as apostrophes. */
  private static HttpResponse<String> post(String body) throws Exception {
    return server.post("/v1/videos", body.replace('\'', '"'));
  }

  private static VideoRequest made(HttpResponse<String> answer) throws Exception {
    assertEquals(200, answer.statusCode(), answer.body());
    server.await(json(answer).get("id").textValue(), "completed");
    return MAKER.made.getLast();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | 422 | prompt",
        "{'prompt': ''} | 422 | prompt",
        "{'prompt': '   '} | 422 | prompt",
        "{'prompt': 5} | 422 | prompt",
        "{'prompt': ['a']} | 422 | prompt",
        "{'prompt': 'a', 'num_frame': 5} | 400 | num_frame",
        "{'prompt': 'a', 'n': 5} | 400 | n",
        "{'prompt': 'a', 'size': '64'} | 422 | size",
        "{'prompt': 'a', 'size': '64x'} | 422 | size",
        "{'prompt': 'a', 'size': '0x64'} | 422 | size",
        "{'prompt': 'a', 'size': '-64x64'} | 422 | size",
        "{'prompt': 'a', 'size': '../x64'} | 422 | size",
        "{'prompt': 'a', 'size': '99999x99999'} | 400 | size",
        "{'prompt': 'a', 'width': 64} | 422 | height",
        "{'prompt': 'a', 'height': 64} | 422 | width",
        "{'prompt': 'a', 'width': 0, 'height': 64} | 422 | width",
        "{'prompt': 'a', 'seconds': 0} | 422 | seconds",
        "{'prompt': 'a', 'seconds': '04.5'} | 422 | seconds",
        "{'prompt': 'a', 'seconds': 86400, 'fps': 1000} | 400 | size",
        "{'prompt': 'a', 'num_frames': 0} | 422 | num_frames",
        "{'prompt': 'a', 'num_frames': 1.5} | 422 | num_frames",
        "{'prompt': 'a', 'num_frames': 1e40} | 422 | num_frames",
        "{'prompt': 'a', 'num_frames': 'NaN'} | 422 | num_frames",
        "{'prompt': 'a', 'num_frames': true} | 422 | num_frames",
        "{'prompt': 'a', 'fps': 0.5} | 422 | fps",
        "{'prompt': 'a', 'num_inference_steps': 201} | 422 | num_inference_steps",
        "{'prompt': 'a', 'guidance_scale': -1} | 422 | guidance_scale",
        "{'prompt': 'a', 'guidance_scale': 21} | 422 | guidance_scale",
        "{'prompt': 'a', 'guidance_scale_2': 3} | 400 | ",
        "{'prompt': 'a', 'true_cfg_scale': 21} | 422 | true_cfg_scale",
        "{'prompt': 'a', 'boundary_ratio': 1.5} | 422 | boundary_ratio",
        "{'prompt': 'a', 'seed': -1} | 422 | seed",
        "{'prompt': 'a', 'seed': 9223372036854775808} | 422 | seed",
        "{'prompt': 'a', 'lora': '[]'} | 400 | lora",
        "{'prompt': 'a', 'lora': '{'} | 400 | lora",
        "{'prompt': 'a', 'extra_params': 'x'} | 400 | extra_params",
        "{'prompt': 'a', 'lvsa': {'sparsity': 1}} | 400 | lvsa.sparsity",
        "{'prompt': 'a', 'lvsa': {'sparsity_scale': 'much'}} | 422 | lvsa.sparsity_scale",
        "{'prompt': 'a', 'lvsa': {'sparsity_scale': -1}} | 422 | lvsa",
        "{'prompt': 'a', 'lvsa': {'rotate_keyframes': 1}} | 422 | lvsa.rotate_keyframes",
        "{'prompt': 'a', 'lvsa': {'attention': 'flash'}} | 422 | lvsa.attention",
        "{'prompt': 'a', 'lvsa': {'attention': ['lvsa']}} | 422 | lvsa.attention",
        "{'prompt': 'a', 'lvsa': {'window_size': 3.5}} | 422 | lvsa",
        "{'prompt': 'a', 'image_reference': {'file_id': 'x'}} | 400 | input_reference",
        "{'prompt': 'a', 'image_reference': {'image_url': 'http://127.0.0.1/x.png'}} | 400 | input_reference",
        "{'prompt': 'a', 'image_reference': {'image_url': 'file:///etc/passwd'}} | 400 | input_reference",
        "{'prompt': 'a', 'image_reference': {'image_url': 'data:image/png;base64,!!'}} | 400 | input_reference",
        "{'prompt': 'a', 'image_reference': {}} | 400 | input_reference",
        "{'prompt': 'a', 'input_reference': '/etc/passwd'} | 400 | input_reference",
        "{'prompt': 'a', 'input_reference': '{'} | 400 | input_reference",
        "{'prompt': 'a', 'prompt': 'b'} | 400 | ",
        "{'prompt': 'a'} x | 400 | ",
        "[] | 400 | ",
        "'a' | 400 | ",
        "{'prompt': | 400 | ",
        "null | 400 | ",
      })
  void whatIsWrongIsNamed(String body, int status, String param) throws Exception {
    JsonNode error = error(status, post(body));
    assertEquals(param == null ? "null" : param, error.get("param").asText(), error.toString());
    assertEquals("invalid_request_error", error.get("type").textValue());
    assertFalse(error.get("message").textValue().isBlank());
    assertTrue(error.get("code").isTextual());
    assertTrue(error.get("message").textValue().lines().count() == 1, error.toString());
  }

  @Test
  void theNearestNameOfAMistypedFieldIsSaid() throws Exception {
    String message = error(400, post("{'prompt': 'a', 'num_frame': 5}")).get("message").textValue();
    assertTrue(message.startsWith("unknown field num_frame, the nearest is num_frames"), message);
  }

  @Test
  void defaultsSnappingAndNotes() throws Exception {
    VideoRequest plain = made(post("{'prompt': 'a'}"));
    assertEquals(81, plain.frames());
    assertEquals("64x48", plain.size().toString());
    assertEquals(4, plain.sampling().steps());
    assertEquals(5, plain.sampling().guidanceScale());

    HttpResponse<String> answer =
        post(
            "{'prompt': 'a', 'size': '70x50', 'width': 64, 'height': 48, 'num_frames': 20,"
                + " 'seconds': 9, 'user': 'me', 'quality': 'high', 'model': 'sora-2',"
                + " 'true_cfg_scale': 2, 'lora': {'name': 'x'},"
                + " 'extra_params': {'flow_shift': 3, 'zoom': 2}}");
    VideoRequest snapped = made(answer);
    assertEquals("64x48", snapped.size().toString());
    assertEquals(17, snapped.frames(), "num_frames goes before seconds");
    assertEquals(3, snapped.sampling().flowShift());
    String notes = json(answer).get("notes").toString();
    for (String part :
        new String[] {
          "size 70x50 goes before width and height, 64x48",
          "size 70x50 became 64x48",
          "20 frames became 17",
          "user is not supported and was ignored",
          "quality is not supported",
          "lora is not supported",
          "true_cfg_scale is not supported",
          "extra_params.zoom is not known",
          "model sora-2 is not served: fake was taken"
        }) {
      assertTrue(notes.contains(part), part + " in " + notes);
    }
    assertEquals(9, json(answer).get("notes").size(), notes);
  }

  @Test
  void strictnessRefusesWhatWouldBeChanged() throws Exception {
    JsonNode error =
        error(400, post("{'prompt': 'a', 'num_frames': 20, 'lvsa': {'strict': true}}"));
    assertEquals("not_possible", error.get("code").textValue());
    assertTrue(error.get("message").textValue().startsWith("strict: 20 frames"), error.toString());
    error(400, post("{'prompt': 'a', 'lora': {}, 'lvsa': {'strict': true}}"));
    VideoRequest exact = made(post("{'prompt': 'a', 'num_frames': 17, 'lvsa': {'strict': true}}"));
    assertEquals(Map.of("LVSA_STRICT", "1"), exact.lvsa());
    assertTrue(exact.strict());
  }

  @Test
  void aSeedThatIsDrawnIsTold() throws Exception {
    HttpResponse<String> first = post("{'prompt': 'a'}");
    long seed = json(first).get("seed").longValue();
    assertTrue(seed >= 0 && seed < 1L << 31);
    assertEquals(seed, made(first).sampling().seed());
    HttpResponse<String> second = post("{'prompt': 'a', 'seed': null, 'size': ''}");
    assertFalse(seed == json(second).get("seed").longValue());
  }

  @Test
  void formsMayBeUrlEncodedOrMultipart() throws Exception {
    HttpResponse<String> answer =
        server.send(
            server
                .request("/v1/videos")
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(BodyPublishers.ofString("prompt=a+cat%21&num_frames=5&size=")));
    assertEquals("a cat!", made(answer).prompt());
    error(
        415,
        server.send(
            server
                .request("/v1/videos")
                .header("Content-Type", "text/plain")
                .POST(BodyPublishers.ofString("prompt=a"))));
    error(415, server.send(server.request("/v1/videos").POST(BodyPublishers.noBody())));
    HttpResponse<String> twice =
        server.send(
            server
                .request("/v1/videos")
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(BodyPublishers.ofString("prompt=a&prompt=b")));
    assertEquals("prompt", error(422, twice).get("param").textValue());
  }

  /** OpenAI's clients send an object's entries under names of their own. */
  @Test
  void entriesOfObjectsMayHaveNamesOfTheirOwn() throws Exception {
    String url =
        "data:image/png;base64,"
            + Base64.getEncoder().encodeToString(PicturesTest.picture(8, 8, "png"));
    for (String reference : new String[] {"input_reference", "image_reference"}) {
      Map<String, Object> form = new LinkedHashMap<>();
      form.put("prompt", "a");
      form.put(reference + "[image_url]", url);
      form.put("lvsa[sparsity_scale]", "0.5");
      form.put("lvsa[rotate_keyframes]", "true");
      form.put("lvsa[attention]", "lvsa");
      form.put("extra_params[flow_shift]", "3");
      HttpResponse<String> answer = server.form("/v1/videos", form);
      VideoRequest request = made(answer);
      assertEquals(3, request.sampling().flowShift());
      assertEquals("0.5", request.lvsa().get("LVSA_SPARSITY_SCALE"));
      assertEquals("1", request.lvsa().get("LVSA_ROTATE_KEYFRAMES"));
      assertEquals("LVSA", request.lvsa().get("DIFFUSION_ATTENTION_BACKEND"));
      String image = json(answer).get("id").textValue() + ".png";
      assertTrue(Files.exists(folder.resolve("images").resolve(image)), reference);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "input_reference[file_id], x, 400, input_reference",
    "input_reference[image_url], http://127.0.0.1/x.png, 400, input_reference",
    "last_image[image_url], http://127.0.0.1/x.png, 400, last_image",
    "seed[a], 1, 400, seed[a]",
    "lvsa[sparsity], 1, 400, lvsa.sparsity",
    "lvsa[sparsity_scale], much, 422, lvsa.sparsity_scale",
    "lvsa[], 1, 400, lvsa[]",
    "lvsa[a][b], 1, 400, lvsa[a][b]",
    "[image_url], 1, 400, [image_url]",
  })
  void entriesThatAreWrongAreNamed(String name, String value, int status, String param)
      throws Exception {
    Map<String, Object> form = new LinkedHashMap<>();
    form.put("prompt", "a");
    form.put(name, value);
    assertEquals(param, error(status, server.form("/v1/videos", form)).get("param").textValue());
  }

  @Test
  void anObjectIsTextOrEntriesNotBoth() throws Exception {
    Map<String, Object> form = new LinkedHashMap<>();
    form.put("prompt", "a");
    form.put("lvsa", "{}");
    form.put("lvsa[strict]", "true");
    assertEquals("lvsa", error(422, server.form("/v1/videos", form)).get("param").textValue());
  }

  @Test
  void longPromptsAndBodiesAreRefused() throws Exception {
    error(422, post("{'prompt': '" + "a".repeat(101) + "'}"));
    error(413, post("{'prompt': '" + "a".repeat(300_000) + "'}"));
  }

  @Test
  void picturesAreMade() throws Exception {
    HttpResponse<String> answer =
        server.post(
            "/v1/images/generations",
            "{\"prompt\": \"a cat\", \"n\": 3, \"size\": \"32x16\", \"seed\": 5, \"user\": \"me\"}");
    assertEquals(200, answer.statusCode(), answer.body());
    JsonNode body = json(answer);
    for (int i = 0; i < 3; i++) {
      JsonNode one = body.get("data").get(i);
      assertEquals(
          "a video of a cat, seed " + (5 + i),
          new String(
              Base64.getDecoder().decode(one.get("b64_json").textValue()), StandardCharsets.UTF_8));
      assertTrue(one.has("url") && one.get("revised_prompt").isNull());
    }
    assertEquals("png", body.get("output_format").textValue());
    assertEquals("32x16", body.get("size").textValue());
    assertEquals(1, MAKER.made.getLast().frames());
    error(
        422,
        server.post("/v1/images/generations", "{\"prompt\": \"a\", \"response_format\": \"url\"}"));
    error(422, server.post("/v1/images/generations", "{\"prompt\": \"a\", \"n\": 11}"));
    error(400, server.post("/v1/images/generations", "{\"prompt\": \"a\", \"fps\": 11}"));
    assertEquals(
        "Requested image size 2000x2000 exceeds the maximum allowed size of 1048576 pixels.",
        error(
                400,
                server.post(
                    "/v1/images/generations", "{\"prompt\": \"a\", \"size\": \"2000x2000\"}"))
            .get("message")
            .textValue());
    try (Stream<Path> files = Files.list(folder.resolve("uploads"))) {
      assertEquals(0, files.filter(f -> f.toString().endsWith(".png")).count());
    }
  }

  @Test
  void whatIsNotThereIsToldAsJson() throws Exception {
    error(404, server.get("/v1/nothing"));
    error(404, server.get("/v1/videos/../../etc/passwd"));
    error(404, server.get("/v1/videos/video_gen_" + "0".repeat(32)));
    error(404, server.get("/v1/videos/..%2f..%2fetc%2fpasswd/content"));
    error(405, server.send(server.request("/v1/videos").PUT(BodyPublishers.noBody())));
    error(404, server.post("/start_profile", ""));
    assertEquals("{\"status\":\"healthy\"}", server.get("/health").body());
    assertEquals("{\"version\":\"0.1.0\"}", server.get("/version").body());
    JsonNode models = json(server.get("/v1/models"));
    assertEquals("fake", models.get("data").get(0).get("id").textValue());
  }
}
