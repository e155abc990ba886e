// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.Png;

/** {@code lvsa serve} with a model whose videos begin with one picture and end with another. */
@Tag("full")
class ServePicturesTest {
  private static final String VIDEO = "\"num_frames\": 13, \"num_inference_steps\": 2";

  @TempDir private static Path shared;
  private static Path model;
  private static Path transformer;

  @TempDir private Path folder;

  @BeforeAll
  static void unpack() throws IOException {
    model = GoldenRun.folder("wan_i2v/model", shared);
    transformer = GoldenRun.component("wan_i2v/transformer_flf", shared);
  }

  private Path picture(String name, long seed) throws IOException {
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    BufferedImage image = new BufferedImage(53, 37, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        image.setRGB(x, y, random.nextInt(1 << 24));
      }
    }
    Path file = folder.resolve(name);
    Png.write(image, file);
    return file;
  }

  private static String field(String name, Path picture) throws IOException {
    String bytes = Base64.getEncoder().encodeToString(Files.readAllBytes(picture));
    return ", \"" + name + "\": \"data:image/png;base64," + bytes + "\"";
  }

  @Test
  void bothPicturesOfARequestAreThoseOfGenerate() throws Exception {
    Path first = picture("first.png", System.nanoTime());
    Path last = picture("last.png", System.nanoTime());
    String component = "transformer=" + transformer;
    Path generated = folder.resolve("generated.mp4");
    List<Object> words =
        new ArrayList<>(List.of("generate", "--model", model, "--component", component));
    words.addAll(List.of("--prompt", "A cat walks", "--image", first, "--last-image", last));
    words.addAll(List.of("--frames", 13, "--resolution", "48x32", "--steps", 2, "--seed", 7));
    words.addAll(List.of("-o", generated));
    Run run = Run.lvsa(words.toArray());
    assertEquals(0, run.code(), run.err());

    try (ServeProcess server =
        ServeProcess.start(folder, Map.of(), model, "--component", component)) {
      String job =
          server.submit(VIDEO + field("input_reference", first) + field("last_image", last));
      server.await(job, "completed");
      server.requireFrames(generated, job, folder);

      String without = "{\"prompt\": \"a\", \"size\": \"48x32\", " + VIDEO;
      requireTold("without a picture to begin with", server.post("/v1/videos", without + "}"));
      requireTold(
          "without a picture to end with",
          server.post("/v1/videos", without + field("input_reference", first) + "}"));
      requireTold(
          "without a picture to begin with",
          server.post("/v1/images/generations", "{\"prompt\": \"a\", \"size\": \"48x32\"}"));
    }
  }

  @Test
  void aModelOfOnePictureTakesNoLastOne() throws Exception {
    Path picture = picture("picture.png", System.nanoTime());
    try (ServeProcess server = ServeProcess.start(folder, Map.of(), model)) {
      requireTold(
          "a picture to end with is not supported by this pipeline",
          server.post(
              "/v1/videos",
              "{\"prompt\": \"a\", \"size\": \"48x32\", "
                  + VIDEO
                  + field("input_reference", picture)
                  + field("last_image", picture)
                  + "}"));
      String job = server.submit(VIDEO + field("input_reference", picture));
      server.await(job, "completed");
    }
  }

  private static void requireTold(String message, JsonNode answer) {
    assertEquals("not_possible", answer.at("/error/code").asText(), answer.toString());
    assertTrue(answer.at("/error/message").asText().contains(message), answer.toString());
  }
}
