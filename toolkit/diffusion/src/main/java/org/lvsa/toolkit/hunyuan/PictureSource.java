// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.ModelFolder.Component;
import org.lvsa.toolkit.vision.Picture;
import org.lvsa.toolkit.vision.SiglipImageEncoder;
import org.lvsa.toolkit.vision.SiglipPreprocessing;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A published model's image encoder, read for each picture and closed after it: it is not needed
 * while the transformer runs.
 *
 * @param encoder its folder
 * @param processor the folder that says how pictures are prepared
 * @param allowUnused whether weights may hold tensors that nothing reads
 */
record PictureSource(Component encoder, Component processor, boolean allowUnused) {
  SiglipImageEncoder open() {
    return SiglipImageEncoder.open(encoder.files(), allowUnused);
  }

  SiglipPreprocessing preprocessing() {
    return SiglipPreprocessing.read(processor.folder());
  }

  /** The picture's tokens, {@code [1, tokens, width]}. */
  INDArray encode(Picture picture) {
    try (SiglipImageEncoder open = open()) {
      return open.encode(preprocessing().apply(picture));
    }
  }

  /** Tokens of a picture. */
  int tokens() {
    try (SiglipImageEncoder open = open()) {
      return open.config().patches().count();
    }
  }

  /** The encoder and the preparation belong together and to the transformer. */
  void requireFits(HunyuanConfig transformer) {
    try (SiglipImageEncoder open = open()) {
      encoder.requireEqual("features", open.config().width(), transformer.texts().image());
      int side = open.config().patches().side();
      Resolution made = preprocessing().size();
      if (!made.equals(new Resolution(side, side))) {
        throw new MalformedFileException(
            processor.folder()
                + ": size must be what the image encoder takes, "
                + new Resolution(side, side)
                + ", got "
                + made);
      }
    }
  }
}
