// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
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
    "cogvideox-5b, 720x480, 49, 1350, 13, 48, 64",
    "cogvideox1.5-5b, 1360x768, 81, 4080, 11, 48, 64"
  })
  void geometriesAreThePublishedOnes(
      String name, String resolution, int frames, int patches, int latent, int heads, int headDim) {
    ModelGeometry model = Models.named(name);
    assertEquals(patches, model.grid(Resolution.parse(resolution)).patches());
    assertEquals(latent, model.latentFrames(frames));
    assertEquals(frames, model.videoFrames(latent));
    assertEquals(heads, model.heads());
    assertEquals(headDim, model.headDim());
    assertTrue(model.resolutions().contains(resolution));
  }

  @Test
  void everyModelNamesItsSource() {
    assertEquals(9, Models.all().size());
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
  void framesThatNoLatentFrameStandsForAreRefusedWithTheNearestOnes() {
    assertRefused(
        () -> Models.named("wan2.1-1.3b").latentFrames(80),
        "the frames of wan2.1-1.3b must be 1 more than a multiple of 4: 77 or 81, got 80");
    // Two of the VAE's latent frames make one of the transformer's.
    assertRefused(
        () -> Models.named("cogvideox1.5-5b").latentFrames(85),
        "the frames of cogvideox1.5-5b must be 1 more than a multiple of 8: 81 or 89, got 85");
    assertRefused(
        () -> Models.named("wan2.1-1.3b").latentFrames(Integer.MAX_VALUE), "2147483649, got");
    assertRefused(() -> Models.named("wan2.1-1.3b").latentFrames(0), "at least 1, got 0");
    assertRefused(
        () -> Models.named("wan2.1-1.3b").videoFrames(Integer.MAX_VALUE), "from 1 to 536870912");
  }

  @Test
  void sidesThatNoPatchFillsAreRefusedWithTheNearestOnes() {
    assertRefused(
        () -> Models.named("wan2.1-1.3b").grid(Resolution.parse("854x480")),
        "the sides of wan2.1-1.3b must be multiples of 16 pixels: 848x480 or 864x480, got 854x480");
    assertRefused(
        () -> Models.named("wan2.2-ti2v-5b").grid(Resolution.parse("1280x720")),
        "multiples of 32 pixels: 1280x704 or 1280x736, got 1280x720");
    assertRefused(
        () -> Models.named("wan2.1-1.3b").grid(Resolution.parse("8x480")),
        "multiples of 16 pixels: 16x480, got 8x480");
  }

  @Test
  void roundingGivesWhatTheModelTakes() {
    for (ModelGeometry model : Models.all()) {
      for (int frames = 1; frames < 400; frames++) {
        int nearest = model.nearestFrames(frames);
        assertTrue(
            2 * Math.abs(nearest - frames) <= model.videoFramesPerLatentFrame(),
            model.name() + ", " + frames + " frames: " + nearest);
        assertEquals(nearest, model.videoFrames(model.latentFrames(nearest)));
      }
      for (int side = 1; side < 400; side++) {
        Resolution nearest = model.nearestResolution(new Resolution(side, 3 * side));
        assertTrue(model.grid(nearest).patches() > 0);
        assertTrue(
            side < model.patchPixels()
                || 2 * Math.abs(nearest.width() - side) <= model.patchPixels(),
            model.name() + ", " + side + " pixels: " + nearest);
      }
      assertTrue(model.nearestFrames(Integer.MAX_VALUE) > 2_000_000_000);
    }
  }

  private static void assertRefused(Executable call, String message) {
    IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, call);
    assertTrue(refused.getMessage().contains(message), refused.getMessage());
  }

  @Test
  void unknownModelsListTheKnownOnes() {
    String message =
        assertThrows(IllegalArgumentException.class, () -> Models.named("wan")).getMessage();
    assertTrue(message.contains("wan2.1-1.3b") && message.contains("cogvideox-5b"), message);
  }
}
