// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.maker;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.pipeline.GenerationAttention;

/** What a server says of its attention before the first request. */
class StartupLinesTest {
  private static List<String> lines(Map<String, String> environment) {
    LvsaConfig config = LvsaConfig.of(environment, Map.of(), ignored -> {});
    return StartupLines.of(
        "tiny\nmodel",
        "WanPipeline",
        new GenerationAttention.Settings(
            config, StepCounting.PLUGIN, KernelOptions.DEFAULT, Optional.empty()));
  }

  @Test
  void defaultsGoWithoutSaying() {
    assertEquals(
        List.of("[LVSA] Startup: model=tiny model class=WanPipeline attention=dense"),
        lines(Map.of("LVSA_WINDOW_SIZE", "12", "LVSA_CFG_PASSES", "2")));
  }

  @Test
  void whatIsSetIsTold() {
    assertEquals(
        List.of(
            "[LVSA] Startup: model=tiny model class=WanPipeline attention=lvsa"
                + " LVSA_SPARSITY_SCALE=0.5 LVSA_CFG_PASSES=1",
            "[LVSA] Step counter: cfg_passes=1 (from env)"),
        lines(
            Map.of(
                "DIFFUSION_ATTENTION_BACKEND",
                "LVSA",
                "LVSA_SPARSITY_SCALE",
                "0.5",
                "LVSA_CFG_PASSES",
                "1")));
  }
}
