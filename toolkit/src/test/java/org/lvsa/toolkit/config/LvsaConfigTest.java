// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.config.LvsaConfig.Origin;

class LvsaConfigTest {
  private static LvsaConfig of(String... namesAndValues) {
    Map<String, String> environment = new HashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      environment.put(namesAndValues[i], namesAndValues[i + 1]);
    }
    return LvsaConfig.of(
        environment,
        Map.of(),
        line -> {
          throw new AssertionError(line);
        });
  }

  @Test
  void theDefaultsAreThePublishedOnes() {
    LvsaConfig config = LvsaConfig.defaults();
    assertEquals(12, config.number(Setting.LVSA_WINDOW_SIZE));
    assertEquals(3, config.latentWindow());
    assertEquals(1, config.latentFirstFrames());
    assertEquals(OptionalInt.empty(), config.latentKeyFrameInterval());
    assertFalse(config.on(Setting.LVSA_ROTATE_KEYFRAMES));
    assertTrue(config.on(Setting.LVSA_EXPAND_WINDOW));
    assertEquals(1.0, config.sparsityScale());
    assertEquals(21, config.number(Setting.LVSA_REFERENCE_LATENT_FRAMES));
    assertEquals("sdpa", config.value(Setting.LVSA_BACKEND).text());
    assertEquals(2, config.number(Setting.LVSA_CFG_PASSES));
    assertEquals(OptionalInt.empty(), config.optionalNumber(Setting.LVSA_TOTAL_LATENT_FRAMES));
    assertEquals(List.of(1560), config.patchesPerFrame());
    assertEquals("SDPA", config.attention("self"));
    assertEquals(new StepSelection.None(), config.maskLog());
    assertFalse(config.on(Setting.LVSA_WAN_HOOK));
  }

  @Test
  void theEnvironmentGoesBeforeDefaultsAndOptionsBeforeIt() {
    LvsaConfig config =
        LvsaConfig.of(
            Map.of("LVSA_WINDOW_SIZE", "8", "LVSA_N_BLOCKS", " 30 ", "PATH", "/bin"),
            Map.of("LVSA_WINDOW_SIZE", "16"),
            line -> {});
    assertEquals(16, config.number(Setting.LVSA_WINDOW_SIZE));
    assertEquals(Origin.COMMAND_LINE, config.value(Setting.LVSA_WINDOW_SIZE).origin());
    assertEquals(30, config.number(Setting.LVSA_N_BLOCKS));
    assertEquals(Origin.ENVIRONMENT, config.value(Setting.LVSA_N_BLOCKS).origin());
    assertEquals(Origin.DEFAULT, config.value(Setting.LVSA_BACKEND).origin());
  }

  @Test
  void anEmptyVariableIsNotGiven() {
    assertEquals(12, of("LVSA_WINDOW_SIZE", " ").number(Setting.LVSA_WINDOW_SIZE));
  }

  @Test
  void jsonStandsAlone() {
    LvsaConfig config =
        of(
            "LVSA_CONFIG",
            "{\"window_size\": 20, \"rotate_keyframes\": true, \"sparsity_scale\": 0.5,"
                + " \"total_latent_frames\": null, \"patches_per_frame\": [64, 96]}",
            "LVSA_WINDOW_SIZE",
            "8",
            "LVSA_N_FIRST_FRAMES",
            "16");
    assertEquals(20, config.number(Setting.LVSA_WINDOW_SIZE));
    assertEquals(Origin.JSON, config.value(Setting.LVSA_WINDOW_SIZE).origin());
    assertTrue(config.on(Setting.LVSA_ROTATE_KEYFRAMES));
    assertEquals(0.5, config.sparsityScale());
    assertEquals(4, config.number(Setting.LVSA_N_FIRST_FRAMES));
    assertEquals(List.of(64, 96), config.patchesPerFrame());
    assertEquals(OptionalInt.empty(), config.optionalNumber(Setting.LVSA_TOTAL_LATENT_FRAMES));
  }

  @ParameterizedTest
  @ValueSource(strings = {"[1]", "{window", "7"})
  void jsonThatIsNoObjectIsRefused(String json) {
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> of("LVSA_CONFIG", json))
            .getMessage()
            .startsWith("LVSA_CONFIG must be a JSON object, got " + json));
  }

  @ParameterizedTest
  @CsvSource({
    "LVSA_WINDOW_SIZE, -1, a whole number of at least 0",
    "LVSA_WINDOW_SIZE, twelve, a whole number of at least 0",
    "LVSA_WINDOW_SIZE, 1.5, a whole number of at least 0",
    "LVSA_KEY_FRAME_INTERVAL, 0, a whole number of at least 1",
    "LVSA_SPARSITY_SCALE, 0, a number above 0",
    "LVSA_SPARSITY_SCALE, NaN, a number above 0",
    "LVSA_SPARSITY_SCALE, Infinity, a number above 0",
    "LVSA_ROTATE_KEYFRAMES, maybe, '1, true, yes or on; 0, false, no or off'",
    "LVSA_PATCHES_PER_FRAME, '64,,96', 'whole numbers of at least 1, with commas between them'",
    "LVSA_MASK_LOG, often, '0, 1, once, a step N, a range N-M or a list N,M,K'",
    "LVSA_MASK_LOG, 5-2, '0, 1, once, a step N, a range N-M or a list N,M,K'",
    "LVSA_REFERENCE_LATENT_FRAMES, 99999999999, a whole number of at least 1",
  })
  void aBadValueNamesVariableValueAndWhatIsAllowed(String name, String value, String allowed) {
    assertEquals(
        name + " must be " + allowed + ", got " + value,
        assertThrows(IllegalArgumentException.class, () -> of(name, value)).getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "LVSA_WINDOWSIZE, LVSA_WINDOW_SIZE",
    "LVSA_ROTATE_KEYFRAME, LVSA_ROTATE_KEYFRAMES",
    "LVSA_BACKENDS, LVSA_BACKEND",
    "LVSA_SPARSITY, LVSA_SPARSITY_SCALE",
  })
  void anUnknownNameWarnsWithTheNearest(String name, String nearest) {
    List<String> warnings = new ArrayList<>();
    LvsaConfig.of(Map.of(name, "1"), Map.of(), warnings::add);
    assertEquals(List.of("unknown variable " + name + ", the nearest is " + nearest), warnings);
  }

  @Test
  void anUnknownFieldOfTheJsonWarns() {
    List<String> warnings = new ArrayList<>();
    LvsaConfig.of(Map.of("LVSA_CONFIG", "{\"windows\": 1}"), Map.of(), warnings::add);
    assertEquals(List.of("unknown field windows in LVSA_CONFIG"), warnings);
  }

  @ParameterizedTest
  @CsvSource({"1,true", "true,true", "YES,true", "on,true", "0,false", "False,false", "off,false"})
  void flagsHaveManySpellings(String text, boolean on) {
    assertEquals(on, of("LVSA_ROTATE_KEYFRAMES", text).on(Setting.LVSA_ROTATE_KEYFRAMES));
  }

  @Test
  void videoFramesBecomeLatentFrames() {
    LvsaConfig config =
        of(
            "LVSA_VAE_TEMPORAL_FACTOR", "8",
            "LVSA_WINDOW_SIZE", "20",
            "LVSA_AUTO_KEYFRAMES", "0",
            "LVSA_KEY_FRAME_INTERVAL", "24");
    assertEquals(2, config.latentWindow());
    assertEquals(0, config.latentFirstFrames());
    assertEquals(OptionalInt.of(3), config.latentKeyFrameInterval());
    assertEquals(
        OptionalInt.of(1),
        of("LVSA_AUTO_KEYFRAMES", "0", "LVSA_KEY_FRAME_INTERVAL", "2").latentKeyFrameInterval());
  }

  @Test
  void patchesComeFromTheListElseFromTheSizeElseAre1560() {
    assertEquals(
        List.of(3600),
        of("LVSA_VIDEO_HEIGHT", "720", "LVSA_VIDEO_WIDTH", "1280").patchesPerFrame());
    assertEquals(
        List.of(880),
        of("LVSA_VIDEO_HEIGHT", "720", "LVSA_VIDEO_WIDTH", "1280", "LVSA_PATCH_SIZE", "4")
            .patchesPerFrame());
    assertEquals(
        List.of(7, 9),
        of(
                "LVSA_PATCHES_PER_FRAME", "7, 9",
                "LVSA_VIDEO_HEIGHT", "720",
                "LVSA_VIDEO_WIDTH", "1280")
            .patchesPerFrame());
    assertEquals(List.of(1560), of("LVSA_VIDEO_HEIGHT", "720").patchesPerFrame());
    assertEquals(
        List.of(1560), of("LVSA_VIDEO_HEIGHT", "8", "LVSA_VIDEO_WIDTH", "8").patchesPerFrame());
  }

  @Test
  void attentionIsChosenByRole() {
    assertEquals("LVSA", of("DIFFUSION_ATTENTION_BACKEND", "LVSA").attention("self"));
    assertEquals("SDPA", of("DIFFUSION_ATTENTION_BACKEND", "LVSA").attention("cross"));
    LvsaConfig byRole =
        of("DIFFUSION_ATTENTION_BACKEND", "{\"per_role\": {\"self\": {\"backend\": \"LVSA\"}}}");
    assertEquals("LVSA", byRole.attention("self"));
    assertEquals("SDPA", byRole.attention("cross"));
    LvsaConfig broken = of("DIFFUSION_ATTENTION_BACKEND", "{per_role");
    assertThrows(IllegalArgumentException.class, () -> broken.attention("self"));
  }

  @Test
  void stepsAreSelectedAsWritten() {
    assertTrue(StepSelection.parse("1").selects(7, true));
    assertFalse(StepSelection.parse("0").selects(0, false));
    assertTrue(StepSelection.parse("once").selects(4, false));
    assertFalse(StepSelection.parse("once").selects(5, true));
    assertTrue(StepSelection.parse("2-4").selects(4, false));
    assertFalse(StepSelection.parse("2-4").selects(5, false));
    assertTrue(StepSelection.parse("3, 9").selects(9, true));
    assertFalse(StepSelection.parse("3,9").selects(4, true));
    assertTrue(StepSelection.parse("12").selects(12, true));
  }

  @Test
  void theReferenceInDocsIsThatOfTheCode() throws IOException {
    assertEquals(
        LvsaConfig.reference(),
        Files.readString(Path.of("../docs/configuration.md")),
        "write it anew: ./lvsa config --reference > docs/configuration.md");
  }
}
