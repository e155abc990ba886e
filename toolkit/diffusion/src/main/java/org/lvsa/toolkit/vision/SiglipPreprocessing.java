// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import java.nio.file.Path;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * How a picture becomes the numbers that SigLIP's image encoder takes: it is brought to a size,
 * whatever its shape was, and each colour's levels are scaled and normalised.
 *
 * @param size what it is resized to
 * @param resampling how it is resized
 * @param levels what the levels become
 */
public record SiglipPreprocessing(Resolution size, Resampling resampling, LevelScale levels) {
  /** Reads {@code preprocessor_config.json} of a folder; what is not supported is named. */
  public static SiglipPreprocessing read(Path folder) {
    ComponentConfig config = ComponentConfig.readFile(folder.resolve("preprocessor_config.json"));
    config.require("do_resize", true);
    ComponentConfig size = config.object("size");
    SiglipPreprocessing read =
        new SiglipPreprocessing(
            new Resolution(size.size("width"), size.size("height")),
            Resampling.of(config, Resampling.BICUBIC),
            LevelScale.of(config));
    size.finish();
    LevelScale.finish(config, "SiglipImageProcessor");
    return read;
  }

  /** The picture as {@code [3, height, width]} row-major. */
  public float[] apply(Picture picture) {
    return levels.apply(picture.resized(size, resampling));
  }
}
