// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import java.util.List;
import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * How the levels of a picture become the numbers that an image encoder takes: {@code (level · scale
 * − mean) / deviation}.
 *
 * @param scale factor on the levels 0 to 255
 * @param mean subtracted from each colour
 * @param deviation what each colour is divided by then
 */
public record LevelScale(double scale, List<Double> mean, List<Double> deviation) {
  /** Reads it from a preprocessor's configuration; what is not supported is named. */
  static LevelScale of(ComponentConfig config) {
    config.require("do_rescale", true);
    config.require("do_normalize", true);
    return new LevelScale(
        config.number("rescale_factor", 1.0 / 255),
        colours(config, "image_mean"),
        colours(config, "image_std"));
  }

  /**
   * Refuses what a preprocessor's configuration asks for and nobody has read.
   *
   * @param kind of preprocessor, as transformers names its class
   */
  static void finish(ComponentConfig config, String kind) {
    config.require("image_processor_type", kind, kind + "Fast", kind + "Pil");
    config.require(
        "feature_extractor_type", kind, kind.replace("ImageProcessor", "FeatureExtractor"));
    config.require("data_format", "channels_first");
    // A picture here always has three colours; the names are those of the writing program.
    config.withoutEffect("do_convert_rgb", "processor_class");
    config.finish();
  }

  private static List<Double> colours(ComponentConfig config, String key) {
    List<Double> numbers = config.numbers(key);
    if (numbers.size() != Picture.COLOURS || key.endsWith("std") && numbers.contains(0.0)) {
      throw config.wrong(key, "three numbers, one per colour");
    }
    return numbers;
  }

  /** The picture as {@code [3, height, width]} row-major. */
  float[] apply(Picture picture) {
    int pixels = picture.size().width() * picture.size().height();
    float[] values = new float[Picture.COLOURS * pixels];
    for (int colour = 0; colour < Picture.COLOURS; colour++) {
      for (int pixel = 0; pixel < pixels; pixel++) {
        int level = Byte.toUnsignedInt(picture.rgb()[Picture.COLOURS * pixel + colour]);
        values[colour * pixels + pixel] =
            (float) ((level * scale - mean.get(colour)) / deviation.get(colour));
      }
    }
    return values;
  }
}
