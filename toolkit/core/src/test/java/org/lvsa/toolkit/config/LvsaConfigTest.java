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
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.DType;
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
    assertEquals(OptionalInt.of(30), config.optionalNumber(Setting.LVSA_N_BLOCKS));
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
  @ValueSource(strings = {"[1]", "7"})
  void jsonThatIsNoObjectIsRefused(String json) {
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> of("LVSA_CONFIG", json))
            .getMessage()
            .startsWith("LVSA_CONFIG must be a JSON object, got " + json));
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "`{window`, LVSA_CONFIG, 1, 2",
        "`{\"window_size\": 8,\n \"window_size\": 9}`, LVSA_CONFIG, 2, 15",
        "`{\"window_size\": 8} true`, LVSA_CONFIG, 1, 20",
        "`{\"per_role\": `, DIFFUSION_ATTENTION_BACKEND, 1, 13",
        "`{\"per_role\": {}, \"per_role\": {}}`, DIFFUSION_ATTENTION_BACKEND, 1, 28",
      })
  void jsonThatIsNotStrictIsRefusedWithLineAndColumn(
      String json, String variable, int line, int column) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> of(variable, json)).getMessage();
    assertTrue(
        message.startsWith(
            variable + ", line " + line + ", column " + column + ": not valid JSON: "),
        message);
  }

  @Test
  void aFieldOfTheWrongFormIsRefusedWhereItIsRead() {
    for (String json :
        List.of("{\"window_size\": {}}", "{\"window_size\": \"\"}", "{\"window_size\": []}")) {
      String message =
          assertThrows(IllegalArgumentException.class, () -> of("LVSA_CONFIG", json)).getMessage();
      assertTrue(
          message.startsWith("LVSA_WINDOW_SIZE must be a whole number of at least 0, got"),
          message);
    }
    assertEquals(
        "LVSA",
        of(
                "LVSA_CONFIG",
                "{\"diffusion_attention_backend\": {\"per_role\": {\"cross\": {\"backend\":"
                    + " \"LVSA\"}}}}")
            .attention("cross"));
  }

  @Test
  void aLongValueIsCut() {
    String message =
        assertThrows(
                IllegalArgumentException.class, () -> of("LVSA_WINDOW_SIZE", "9".repeat(100_000)))
            .getMessage();
    assertTrue(message.length() < 350, message.length() + " characters");
  }

  @Test
  void sidesWhosePatchesOverflowAreRefusedByName() {
    assertEquals(
        "LVSA_VIDEO_HEIGHT and LVSA_VIDEO_WIDTH must make at most 2^31-1 patches, got 15625000000",
        assertThrows(
                IllegalArgumentException.class,
                () -> of("LVSA_VIDEO_HEIGHT", "2000000", "LVSA_VIDEO_WIDTH", "2000000"))
            .getMessage());
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

  @ParameterizedTest
  @CsvSource({
    // height, width, VAE factor, patch, patches
    "480, 832, , , 1560",
    "720, 1280, , , 3600",
    "240, 416, , , 390",
    "704, 1280, 16, , 880",
    "480, 832, 16, 1, 1560",
    "720, 1280, , 4, 880",
    "490, 850, , , 1590",
    "16, 16, , , 1",
    // Too small for a patch, or half given: the default.
    "8, 8, , , 1560",
    "720, , , , 1560",
    ", 1280, , , 1560"
  })
  void patchesComeFromTheSize(
      String height, String width, String factor, String patch, int patches) {
    Map<String, String> environment = new HashMap<>();
    put(environment, "LVSA_VIDEO_HEIGHT", height);
    put(environment, "LVSA_VIDEO_WIDTH", width);
    put(environment, "LVSA_VAE_SPATIAL_FACTOR", factor);
    put(environment, "LVSA_PATCH_SIZE", patch);
    assertEquals(
        List.of(patches), LvsaConfig.of(environment, Map.of(), line -> {}).patchesPerFrame());
  }

  private static void put(Map<String, String> environment, String name, String value) {
    if (value != null) {
      environment.put(name, value);
    }
  }

  @ParameterizedTest
  @CsvSource({"'7', '7'", "'7,9', '7 9'", "' 7 , 9 ', '7 9'", "'1560,3600,880', '1560 3600 880'"})
  void aListGoesBeforeTheSize(String list, String patches) {
    assertEquals(
        Arrays.stream(patches.split(" ")).map(Integer::valueOf).toList(),
        of(
                "LVSA_PATCHES_PER_FRAME", list,
                "LVSA_VIDEO_HEIGHT", "720",
                "LVSA_VIDEO_WIDTH", "1280")
            .patchesPerFrame());
  }

  @Test
  void theDefaultOf1560IsNobodysWord() {
    assertEquals(List.of(), of().givenPatchesPerFrame());
    assertEquals(List.of(1560), of().patchesPerFrame());
    assertEquals(List.of(6), of("LVSA_PATCHES_PER_FRAME", "6").givenPatchesPerFrame());
    assertEquals(
        List.of(1560),
        of("LVSA_VIDEO_HEIGHT", "480", "LVSA_VIDEO_WIDTH", "832").givenPatchesPerFrame());
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "`{\"per_role\": {\"self\": {\"backend\": \"LVSA\"}}}`, LVSA, SDPA",
        "`{\"per_role\": {\"self\": {\"backend\": \"SDPA\"}}}`, SDPA, SDPA",
        "`{\"per_role\": {\"cross\": {\"backend\": \"LVSA\"}}}`, SDPA, LVSA",
        "`{\"per_role\": {}}`, SDPA, SDPA",
        "LVSA, LVSA, SDPA",
        "SDPA, SDPA, SDPA"
      })
  void attentionByRole(String selection, String self, String cross) {
    LvsaConfig config = of("DIFFUSION_ATTENTION_BACKEND", selection);
    assertEquals(self, config.attention("self"));
    assertEquals(cross, config.attention("cross"));
  }

  @ParameterizedTest
  @CsvSource({"f32, F32", "F16, F16", "bf16, BF16"})
  void typesOfNumbers(String text, DType dtype) {
    assertEquals(dtype, of("LVSA_DTYPE", text).dtype());
  }

  @Test
  void anUnknownTypeIsRefused() {
    assertEquals(
        "LVSA_DTYPE must be f32, f16 or bf16, got fp8",
        assertThrows(IllegalArgumentException.class, () -> of("LVSA_DTYPE", "fp8")).getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", "{\"per_role\": 3}"})
  void aSelectionThatCannotBeReadIsRefusedAtOnce(String selection) {
    String message =
        assertThrows(
                IllegalArgumentException.class, () -> of("DIFFUSION_ATTENTION_BACKEND", selection))
            .getMessage();
    assertTrue(message.startsWith("DIFFUSION_ATTENTION_BACKEND must be SDPA or LVSA"), message);
    assertTrue(message.endsWith("got " + selection), message);
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "`{\"window_size\": 8}`, LVSA_WINDOW_SIZE, 8",
        "`{\"rotate_keyframes\": true}`, LVSA_ROTATE_KEYFRAMES, true",
        "`{\"sparsity_scale\": 0.5}`, LVSA_SPARSITY_SCALE, 0.5",
        "`{\"backend\": \"flashinfer\"}`, LVSA_BACKEND, flashinfer",
        "`{\"patches_per_frame\": [7, 9]}`, LVSA_PATCHES_PER_FRAME, `7,9`",
        "`{\"total_latent_frames\": null}`, LVSA_TOTAL_LATENT_FRAMES, ``"
      })
  void fieldsOfTheJsonAreTheVariables(String json, Setting<?> setting, String text) {
    LvsaConfig config = of("LVSA_CONFIG", json);
    assertEquals(text, config.value(setting).text());
    assertEquals(
        text.isEmpty() ? LvsaConfig.Origin.DEFAULT : LvsaConfig.Origin.JSON,
        config.value(setting).origin());
  }

  @Test
  void attentionIsChosenByRole() {
    assertEquals("LVSA", of("DIFFUSION_ATTENTION_BACKEND", "LVSA").attention("self"));
    assertEquals("SDPA", of("DIFFUSION_ATTENTION_BACKEND", "LVSA").attention("cross"));
    LvsaConfig byRole =
        of("DIFFUSION_ATTENTION_BACKEND", "{\"per_role\": {\"self\": {\"backend\": \"LVSA\"}}}");
    assertEquals("LVSA", byRole.attention("self"));
    assertEquals("SDPA", byRole.attention("cross"));
  }

  @ParameterizedTest
  @CsvSource({
    // selection, step, whether one was selected before, selected
    "'', 3, false, false",
    "0, 0, false, false",
    "0, 3, true, false",
    "1, 0, false, true",
    "1, 7, true, true",
    "once, 0, false, true",
    "once, 4, false, true",
    "once, 5, true, false",
    "2-4, 1, false, false",
    "2-4, 2, false, true",
    "2-4, 4, true, true",
    "2-4, 5, true, false",
    "3-3, 3, false, true",
    "12, 12, false, true",
    "12, 1, false, false",
    "'3,9', 9, true, true",
    "'3, 9', 3, false, true",
    "'3,9', 4, true, false"
  })
  void stepsAreSelectedAsWritten(String text, int step, boolean before, boolean selected) {
    assertEquals(selected, StepSelection.parse(text).selects(step, before));
  }

  @ParameterizedTest
  @ValueSource(strings = {"always", "4-2", "1-2-3", "-1", "2,", "a-b", "1.5"})
  void aStepSelectionThatIsNoneIsRefused(String text) {
    assertEquals(
        "LVSA_MASK_LOG must be 0, 1, once, a step N, a range N-M or a list N,M,K, got " + text,
        assertThrows(IllegalArgumentException.class, () -> of("LVSA_MASK_LOG", text)).getMessage());
  }

  @Test
  void theReferenceInDocsIsThatOfTheCode() throws IOException {
    assertEquals(
        LvsaConfig.reference(),
        Files.readString(Path.of("../../docs/configuration.md")),
        "write it anew: ./lvsa config --reference > docs/configuration.md");
  }
}
