// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.pattern.PatternSettings;

class ModelsTest {

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, 832x480, 81, 1560, 21, 12, 128",
    "wan2.1-14b, 1280x720, 81, 3600, 21, 40, 128",
    "wan2.2-a14b, 832x480, 161, 1560, 41, 40, 128",
    "wan2.2-ti2v-5b, 1280x704, 121, 880, 31, 24, 128",
    "hunyuanvideo-1.5, 832x480, 129, 1560, 33, 16, 128",
    "cogvideox-5b, 720x480, 49, 1350, 13, 48, 64"
  })
  void geometriesAreThePublishedOnes(
      String name, String resolution, int frames, int patches, int latent, int heads, int headDim) {
    ModelGeometry model = Models.named(name);
    assertEquals(patches, model.grid(Resolution.parse(resolution)).patches());
    assertEquals(latent, model.latentFrames(frames));
    assertEquals(heads, model.heads());
    assertEquals(headDim, model.headDim());
    assertTrue(model.resolutions().contains(resolution));
  }

  @Test
  void everyModelNamesItsSource() {
    assertEquals(8, Models.all().size());
    for (ModelGeometry model : Models.all()) {
      assertTrue(model.source().length() > 30, model.name());
      assertEquals(3, model.ropeAxes().size());
      model.resolutions().forEach(text -> model.grid(Resolution.parse(text)));
    }
  }

  @Test
  void aWindowThatCoversTheVideoShrinksBeyondTheHorizon() {
    ModelGeometry wan = Models.named("wan2.1-1.3b");
    PatternSettings covering = wan.pattern(25, 10, 12, 1, 1, OptionalInt.empty());
    assertEquals(10, covering.window());
    assertEquals(5, covering.firstFrames());
    PatternSettings given = wan.pattern(25, 10, 12, 1, 1, OptionalInt.of(5));
    assertEquals(12, given.window(), "a given interval leaves the window alone");
    PatternSettings within = wan.pattern(21, 10, 12, 1, 1, OptionalInt.empty());
    assertEquals(12, within.window(), "so does a video within the horizon");
  }

  @Test
  void gridsHoldEveryPatch() {
    for (int patches = 1; patches < 400; patches++) {
      assertEquals(patches, PatchGrid.of(patches).patches());
    }
    assertEquals(new PatchGrid(39, 40), PatchGrid.of(1560));
  }

  @Test
  void unknownModelsListTheKnownOnes() {
    String message =
        assertThrows(IllegalArgumentException.class, () -> Models.named("wan")).getMessage();
    assertTrue(message.contains("wan2.1-1.3b") && message.contains("cogvideox-5b"), message);
  }
}
