// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.vae.LatentSize;

class SettingsTest {
  private static final VideoSize.VaeFactors FACTORS = new VideoSize.VaeFactors(16, 4, 8);

  private static VideoSize size(String resolution, int frames) {
    return new VideoSize(Resolution.parse(resolution), frames);
  }

  @Test
  void aVideosSizeGivesItsLatents() {
    assertEquals(new LatentSize(16, 21, 60, 104), size("832x480", 81).latents(FACTORS, 2));
    assertEquals(new LatentSize(16, 1, 2, 2), size("16x16", 1).latents(FACTORS, 2));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "80x48; 18; frames must be 4k + 1, got 18; the nearest are 17 and 21",
        "80x48; 4; frames must be 4k + 1, got 4; the nearest are 1 and 5",
        "80x50; 17; multiples of 16, got 80x50; the nearest are 80x48 and 80x64",
        "8x8; 17; multiples of 16, got 8x8; the nearest are 16x16 and 16x16"
      })
  void whatDoesNotDivideIsRefusedWithTheNearest(String resolution, int frames, String message) {
    String said =
        assertThrows(
                IllegalArgumentException.class, () -> size(resolution, frames).latents(FACTORS, 2))
            .getMessage();
    assertTrue(said.contains(message), said);
  }

  @Test
  void patchesNeedNotBeSquares() {
    assertEquals(new LatentSize(16, 5, 6, 5), size("40x48", 17).latents(FACTORS, 3, 1));
    String said =
        assertThrows(IllegalArgumentException.class, () -> size("40x40", 17).latents(FACTORS, 3, 1))
            .getMessage();
    assertEquals(
        "the resolution's width must be a multiple of 8 and its height of 24, got 40x40; the nearest"
            + " are 40x24 and 40x48",
        said);
  }

  @Test
  void settingsAreChecked() {
    assertThrows(IllegalArgumentException.class, () -> size("16x16", 0));
    assertThrows(IllegalArgumentException.class, () -> new GenerationSettings.Prompts(" \n", ""));
    GenerationSettings.Prompts prompts = new GenerationSettings.Prompts("a cat", "");
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new GenerationSettings(
                prompts,
                size("16x16", 1),
                0,
                new GuidanceSettings(5, false),
                OptionalDouble.empty(),
                new StartingLatents.Seed(1)));
    assertThrows(IllegalArgumentException.class, () -> new GuidanceSettings(Double.NaN, false));
    assertEquals(2, new GuidanceSettings(1.5, false).passes());
    assertEquals(1, new GuidanceSettings(1.5, true).passes());
    assertEquals(1, new GuidanceSettings(1, false).passes());
  }

  @Test
  void capturesAreSelectedByLayerAndStep() {
    CaptureSettings all = CaptureSettings.parse("some/dir");
    assertEquals(Path.of("some/dir"), all.directory());
    assertTrue(all.selects(29, 49));
    CaptureSettings some = CaptureSettings.parse("dir:0+5-7,all");
    assertEquals(Path.of("dir"), some.directory());
    assertTrue(some.selects(0, 3) && some.selects(6, 0) && some.selects(7, 99));
    assertFalse(some.selects(1, 3) || some.selects(8, 3));
    assertEquals(
        Path.of("dir/layer05-step010-uncond.safetensors"),
        some.file(5, 10, DenoisingLoop.Branch.UNCOND));
    assertEquals(
        Optional.of(Path.of("a:b/c")), Optional.of(CaptureSettings.parse("a:b/c").directory()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "dir:1", "dir:x,1", "dir:3-1,0", "dir:1,2,3", "dir:"})
  void otherCapturesAreRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> CaptureSettings.parse(text));
  }
}
