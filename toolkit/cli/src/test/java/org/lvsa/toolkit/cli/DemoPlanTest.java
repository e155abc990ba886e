// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.adapter.BlockShape;
import org.lvsa.toolkit.adapter.ModelAdapter;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;

/** Which settings a demo runs with: typed ones, then the environment's, then its own. */
class DemoPlanTest {
  private static LvsaConfig config(Map<String, String> environment, Map<String, String> typed) {
    ModelGeometry model = Models.named("hunyuanvideo-1.5");
    DemoPlan plan =
        new DemoPlan(
            model,
            ModelAdapter.of(model.name()),
            BlockShape.of(model, new PatchGrid(2, 3), 2),
            41,
            1,
            1,
            Optional.empty());
    return plan.config(environment, typed, line -> {});
  }

  private static String text(LvsaConfig config, String variable) {
    Setting<?> setting =
        Setting.all().stream().filter(s -> s.name().equals(variable)).findFirst().orElseThrow();
    return config.value(setting).text();
  }

  @ParameterizedTest
  @CsvSource({
    // variable, field of LVSA_CONFIG, nothing said, environment, typed
    "LVSA_SPARSITY_SCALE, sparsity_scale, 1.0, 0.5, 0.75",
    "LVSA_BACKEND, backend, auto, reference, vector",
    "LVSA_DTYPE, dtype, f32, bf16, f16",
    "LVSA_ROTATE_KEYFRAMES, rotate_keyframes, 0, true, 1",
    "LVSA_CFG_PASSES, cfg_passes, 1, 2, 3",
    "LVSA_REFERENCE_LATENT_FRAMES, reference_latent_frames, 33, 21, 13",
    "LVSA_PATCHES_PER_FRAME, patches_per_frame, 6, 7, 8",
    "LVSA_WAN_HOOK, wan_hook, 1, 0, 1"
  })
  void onlyWhatWasTypedOverrulesTheEnvironment(
      String variable, String field, String own, String environment, String typed) {
    Map<String, String> given = Map.of(variable, environment);
    assertEquals(own, text(config(Map.of(), Map.of()), variable));
    assertEquals(environment, text(config(given, Map.of()), variable));
    assertEquals(typed, text(config(given, Map.of(variable, typed)), variable));
    assertEquals(typed, text(config(Map.of(), Map.of(variable, typed)), variable));
    Map<String, String> json =
        Map.of("LVSA_CONFIG", "{\"" + field + "\": \"" + environment + "\"}");
    assertEquals(environment, text(config(json, Map.of()), variable));
    assertEquals(typed, text(config(json, Map.of(variable, typed)), variable));
  }

  @Test
  void underAConfigurationInJsonTheDemosOwnSettingsStay() {
    LvsaConfig config = config(Map.of("LVSA_CONFIG", "{\"window_size\": 8}"), Map.of());
    assertEquals("auto", text(config, "LVSA_BACKEND"));
    assertEquals("33", text(config, "LVSA_REFERENCE_LATENT_FRAMES"));
    assertEquals(2, config.latentWindow());
  }
}
