// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import java.nio.file.Path;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * How a picture becomes the numbers that CLIP's image encoder takes: its shorter side is brought to
 * a length, the middle is cut out, levels are scaled, and each colour is normalised.
 *
 * @param shortestSide pixels of the shorter side after resizing
 * @param crop what is cut out of the middle
 * @param resampling how it is resized
 * @param levels what the levels become
 */
public record ClipPreprocessing(
    int shortestSide, Resolution crop, Resampling resampling, LevelScale levels) {
  /** Reads {@code preprocessor_config.json} of a folder; what is not supported is named. */
  public static ClipPreprocessing read(Path folder) {
    ComponentConfig config = ComponentConfig.readFile(folder.resolve("preprocessor_config.json"));
    for (String step : new String[] {"do_resize", "do_center_crop"}) {
      config.require(step, true);
    }
    ComponentConfig resized = config.object("size");
    int shortest = resized.size("shortest_edge");
    resized.finish();
    ComponentConfig crop = config.object("crop_size");
    Resolution middle = new Resolution(crop.size("width"), crop.size("height"));
    crop.finish();
    if (Math.max(middle.width(), middle.height()) > shortest) {
      throw config.wrong("crop_size", "at most size.shortest_edge, " + shortest);
    }
    ClipPreprocessing read =
        new ClipPreprocessing(
            shortest, middle, Resampling.of(config, Resampling.BICUBIC), LevelScale.of(config));
    LevelScale.finish(config, "CLIPImageProcessor");
    return read;
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
    return levels.apply(picture.resized(size, resampling).centre(crop));
  }
}
