// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.lvsa.toolkit.io.Png;
import org.lvsa.toolkit.jobs.FakeMaker;
import org.lvsa.toolkit.model.Resolution;

/** The size of a video that begins with a picture: what is asked for, else what the model says. */
class PictureSizeTest {
  private static Resolution size(Optional<Resolution> picture, Map<Field, String> more) {
    Map<Field, String> fields = new HashMap<>(more);
    fields.put(Field.PROMPT, "A cat");
    try (FakeMaker maker = FakeMaker.withImages()) {
      return new Wishes(maker, Bounds.DEFAULT, new RequestFields(Map.of()))
          .video(new RequestFields(fields), picture)
          .request()
          .size();
    }
  }

  @Test
  void aPictureDecidesTheSizeThatNobodyAskedFor() throws IOException {
    byte[] png = Png.bytes(new BufferedImage(192, 128, BufferedImage.TYPE_INT_RGB));
    Optional<Resolution> picture = Optional.of(ReferenceImage.size(png));
    assertEquals(new Resolution(192, 128), picture.get());
    assertEquals(new Resolution(96, 64), size(picture, Map.of()));
    assertEquals(new Resolution(80, 48), size(picture, Map.of(Field.SIZE, "80x48")));
    assertEquals(new Resolution(64, 48), size(Optional.empty(), Map.of()));
  }
}
