// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * How a picture becomes the numbers that CLIP's image encoder takes: its shorter side is brought to
 * a length, the middle is cut out, levels are scaled, and each colour is normalised.
 *
 * @param shortestSide pixels of the shorter side after resizing
 * @param crop what is cut out of the middle
 * @param resampling how it is resized
 * @param scale factor on the levels 0 to 255
 * @param mean subtracted from each colour
 * @param deviation what each colour is divided by then
 */
public record ClipPreprocessing(
    int shortestSide,
    Resolution crop,
    Resampling resampling,
    double scale,
    List<Double> mean,
    List<Double> deviation) {
  /** Numbers that the published files have for {@code resample}. */
  private static final Map<String, Resampling> RESAMPLINGS =
      Map.of("1", Resampling.LANCZOS, "2", Resampling.BILINEAR, "3", Resampling.BICUBIC);

  /** Reads {@code preprocessor_config.json} of a folder; what is not supported is named. */
  public static ClipPreprocessing read(Path folder) {
    ComponentConfig config = ComponentConfig.readFile(folder.resolve("preprocessor_config.json"));
    for (String step : new String[] {"do_resize", "do_center_crop", "do_rescale", "do_normalize"}) {
      config.require(step, true);
    }
    int shortest = config.object("size").size("shortest_edge");
    ComponentConfig crop = config.object("crop_size");
    Resolution middle = new Resolution(crop.size("width"), crop.size("height"));
    if (Math.max(middle.width(), middle.height()) > shortest) {
      throw config.wrong("crop_size", "at most size.shortest_edge, " + shortest);
    }
    config.require("resample", 1, 2, 3);
    String resample = config.has("resample") ? Integer.toString(config.size("resample")) : "3";
    return new ClipPreprocessing(
        shortest,
        middle,
        RESAMPLINGS.get(resample),
        config.number("rescale_factor", 1.0 / 255),
        colours(config, "image_mean"),
        colours(config, "image_std"));
  }

  private static List<Double> colours(ComponentConfig config, String key) {
    List<Double> numbers = config.numbers(key);
    if (numbers.size() != Picture.COLOURS || key.endsWith("std") && numbers.contains(0.0)) {
      throw config.wrong(key, "three numbers, one per colour");
    }
    return numbers;
  }

  /** The picture as {@code [3, height, width]} row-major. */
  public float[] apply(Picture picture) {
    int width = picture.size().width();
    int height = picture.size().height();
    int shorter = Math.min(width, height);
    Resolution size =
        new Resolution(
            Math.toIntExact((long) shortestSide * width / shorter),
            Math.toIntExact((long) shortestSide * height / shorter));
    Picture middle = picture.resized(size, resampling).centre(crop);
    int pixels = crop.width() * crop.height();
    float[] values = new float[Picture.COLOURS * pixels];
    for (int colour = 0; colour < Picture.COLOURS; colour++) {
      for (int pixel = 0; pixel < pixels; pixel++) {
        int level = Byte.toUnsignedInt(middle.rgb()[Picture.COLOURS * pixel + colour]);
        values[colour * pixels + pixel] =
            (float) ((level * scale - mean.get(colour)) / deviation.get(colour));
      }
    }
    return values;
  }
}
