// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Assumptions;
import org.lvsa.toolkit.hunyuan.TinyHunyuan;
import org.lvsa.toolkit.io.Json;

/**
 * A tiny model of the golden data, of which there is one for each kind of model.
 *
 * @param name of its folder
 * @param resolution of a small video
 */
public record TinyModel(String name, String resolution) {
  /** All of them. */
  public static final List<TinyModel> ALL =
      List.of(
          new TinyModel("wan/model", "48x32"),
          new TinyModel("wan_i2v/model", "48x32"),
          new TinyModel("wan22/a14b/model", "48x32"),
          new TinyModel("wan22/ti2v5b/model", "96x64"),
          new TinyModel("hunyuan15/model", "96x64"),
          new TinyModel("hunyuan15_i2v/model", "96x64"),
          new TinyModel("cogvideox/model", "48x32"));

  /** Frames of a small video. */
  public static final int FRAMES = 9;

  /** In the arguments of {@link Opened#words}: the path of a picture. */
  public static final String PICTURE = "PICTURE";

  private static final Path MODELS = Path.of("../../../shared/golden/pipelines");

  /** The one with a heading, as {@link Opened#title} gives it. */
  public static TinyModel titled(String title) {
    return ALL.stream()
        .filter(model -> title.endsWith("(" + model.name + ")"))
        .findFirst()
        .orElseThrow();
  }

  /**
   * Its folder and a picture; the test is skipped where there are no golden data.
   *
   * @param directory for what is unpacked or made
   */
  public Opened open(Path directory) throws IOException {
    Assumptions.assumeTrue(
        Files.isDirectory(MODELS), () -> "skipped: no golden data at " + MODELS.toAbsolutePath());
    Path folder =
        name.startsWith("hunyuan15_i2v")
            ? TinyHunyuan.unpackWithPicture(directory.resolve("models"))
            : MODELS.resolve(name);
    Path picture = directory.resolve("picture.png");
    ImageIO.write(new BufferedImage(48, 32, BufferedImage.TYPE_INT_RGB), "png", picture.toFile());
    String className = Json.read(folder.resolve("model_index.json")).get("_class_name").textValue();
    return new Opened(this, folder, picture, className);
  }

  /**
   * A model with its folder.
   *
   * @param className of its pipeline
   */
  public record Opened(TinyModel model, Path folder, Path picture, String className) {
    /** For the heading of a table. */
    public String title() {
      return className + " (" + model.name + ")";
    }

    boolean needsPicture() {
      return className.contains("ImageToVideo");
    }

    /**
     * The words that ask for a small video, with a picture where the model needs one.
     *
     * @param command in front of them
     * @param more options, which come in place of those that would be given otherwise
     */
    public List<Object> words(List<String> command, List<String> more) {
      List<Object> words = new ArrayList<>(command);
      words.addAll(List.of("--model", folder, "--prompt", "A cat walks", "--frames", FRAMES));
      words.addAll(List.of("--steps", "6"));
      if (!more.contains("--resolution")) {
        words.addAll(List.of("--resolution", model.resolution));
      }
      if (needsPicture() && !more.contains("--image")) {
        words.addAll(List.of("--image", picture));
      }
      more.forEach(word -> words.add(word.equals(PICTURE) ? picture : word));
      return words;
    }
  }
}
