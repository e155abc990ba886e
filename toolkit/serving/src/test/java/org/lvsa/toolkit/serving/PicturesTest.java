// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.lvsa.toolkit.serving.TestServer.error;
import static org.lvsa.toolkit.serving.TestServer.json;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.io.Png;
import org.lvsa.toolkit.jobs.FakeMaker;
import org.lvsa.toolkit.jobs.PictureRole;
import org.lvsa.toolkit.model.Resolution;

/** The pictures of requests: how they come, which are taken, and what size a video has of them. */
class PicturesTest {
  private static final String VIDEOS = "/v1/videos";

  @TempDir private Path folder;
  private TestServer server;

  @BeforeEach
  void start() throws IOException {
    server =
        TestServer.start(
            folder,
            FakeMaker.withPictures(),
            s -> TestServer.with(s, new Bounds(100, 200_000, 50_000, 64 * 64, 1, 10_000_000)));
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  /** The identifier of a video that was taken and is made. */
  private String made(HttpResponse<String> answer) throws Exception {
    assertEquals(200, answer.statusCode(), answer.body());
    String id = json(answer).get("id").textValue();
    server.await(id, "completed");
    return id;
  }

  private HttpResponse<String> reference(String field, String value) throws Exception {
    return server.post(VIDEOS, "{\"prompt\": \"a\", \"" + field + "\": " + value + "}");
  }

  static byte[] picture(int width, int height, String format) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageIO.write(new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB), format, bytes);
    return bytes.toByteArray();
  }

  private HttpResponse<String> upload(byte[] file) throws Exception {
    Map<String, Object> form = new LinkedHashMap<>();
    form.put("prompt", "a");
    form.put("input_reference", file);
    return server.form(VIDEOS, form);
  }

  @Test
  void picturesAreCheckedAndKeptUnderAName() throws Exception {
    HttpResponse<String> answer = upload(picture(20, 10, "jpeg"));
    String id = made(answer);
    try (Stream<Path> files = Files.list(folder.resolve("images"))) {
      assertTrue(files.anyMatch(file -> file.getFileName().toString().equals(id + ".png")));
    }
    assertFalse(Files.exists(folder.resolve("../evil.png")), "the client's name is not used");
    String url =
        "data:image/png;base64," + Base64.getEncoder().encodeToString(picture(8, 8, "png"));
    made(reference("image_reference", "{\"image_url\": \"" + url + "\"}"));
    made(reference("input_reference", "\"" + url + "\""));
    made(reference("input_reference", "{\"image_url\": \"" + url + "\"}"));
    Map<String, Object> both = new LinkedHashMap<>();
    both.put("prompt", "a");
    both.put("input_reference", picture(8, 8, "png"));
    both.put("image_reference", "{\"image_url\": \"" + url + "\"}");
    assertEquals(
        "Provide either input_reference or image_reference, not both.",
        error(400, server.form(VIDEOS, both)).get("message").textValue());

    error(400, upload(picture(80, 80, "png")));
    error(400, upload("no picture".getBytes(StandardCharsets.UTF_8)));
    error(400, upload(picture(8, 8, "gif")));
    byte[] cut = Png.bytes(new BufferedImage(30, 30, BufferedImage.TYPE_INT_RGB));
    error(400, upload(Arrays.copyOf(cut, cut.length / 2)));
    error(413, upload(new byte[60_000]));
    error(413, upload(new byte[300_000]));
    made(upload(new byte[0]));
  }

  private void requireLastPicture(HttpResponse<String> answer) throws Exception {
    String id = made(answer);
    Path images = folder.resolve("images");
    assertTrue(Files.exists(images.resolve(id + "-last.png")), answer.body());
    assertFalse(Files.exists(images.resolve(id + ".png")), answer.body());
    assertEquals(200, server.delete(VIDEOS + "/" + id).statusCode());
    assertFalse(Files.exists(images.resolve(id + "-last.png")), answer.body());
  }

  @Test
  void theLastPictureComesAsTheFirstOneDoes() throws Exception {
    byte[] png = picture(11, 7, "png");
    String url = "data:image/png;base64," + Base64.getEncoder().encodeToString(png);
    requireLastPicture(reference("last_image", "\"" + url + "\""));
    requireLastPicture(reference("last_image", "{\"image_url\": \"" + url + "\"}"));
    Map<String, Object> form = new LinkedHashMap<>();
    form.put("prompt", "a");
    form.put("last_image", png);
    requireLastPicture(server.form(VIDEOS, form));
    form.put("last_image[image_url]", url);
    assertEquals("last_image", error(400, server.form(VIDEOS, form)).get("param").textValue());
  }

  private static Resolution size(Map<PictureRole, byte[]> pictures, Map<Field, String> more) {
    Map<Field, String> fields = new HashMap<>(more);
    fields.put(Field.PROMPT, "A cat");
    try (FakeMaker maker = FakeMaker.withPictures()) {
      return new Wishes(maker, Bounds.DEFAULT, new RequestFields(Map.of()))
          .video(new RequestFields(fields), pictures)
          .request()
          .size();
    }
  }

  @Test
  void aPictureDecidesTheSizeThatNobodyAskedFor() throws IOException {
    byte[] png = Png.bytes(new BufferedImage(192, 128, BufferedImage.TYPE_INT_RGB));
    Map<PictureRole, byte[]> first = Map.of(PictureRole.FIRST, png);
    assertEquals(new Resolution(96, 64), size(first, Map.of()));
    assertEquals(new Resolution(80, 48), size(first, Map.of(Field.SIZE, "80x48")));
    assertEquals(new Resolution(64, 48), size(Map.of(PictureRole.LAST, png), Map.of()));
    assertEquals(new Resolution(64, 48), size(Map.of(), Map.of()));
  }
}
