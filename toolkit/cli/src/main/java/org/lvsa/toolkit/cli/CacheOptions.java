// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.Optional;
import org.lvsa.toolkit.cache.CacheConfigReader;
import org.lvsa.toolkit.cache.CacheSettings;
import org.lvsa.toolkit.cache.StepCache;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import picocli.CommandLine.Option;

/** The options that say which step cache runs. */
final class CacheOptions {
  @Option(
      names = "--cache-backend",
      paramLabel = "NAME",
      defaultValue = "none",
      description =
          "take blocks from earlier steps where these are alike: cache_dit (DBCache), tea_cache,"
              + " first_block, mag_cache, pab (pyramid attention broadcast), none (default:"
              + " ${DEFAULT-VALUE})")
  private String backend;

  @Option(
      names = "--cache-config",
      paramLabel = "JSON",
      defaultValue = "",
      description =
          "the cache's settings with their published names, as JSON or the path of a JSON file:"
              + " '{\"residual_diff_threshold\": 0.12, \"max_warmup_steps\": 8}'")
  private String config;

  /**
   * The step cache; empty if none is asked for.
   *
   * @throws IllegalArgumentException naming what does not fit
   */
  Optional<CacheSettings> settings() {
    if (backend.equals("none") && !config.isBlank()) {
      throw new IllegalArgumentException(
          "--cache-config belongs to a --cache-backend: "
              + String.join(", ", CacheSettings.BACKENDS));
    }
    return CacheConfigReader.read(backend, config);
  }

  /** A device with the room that the cache needs there. */
  DeviceChoice room(DeviceChoice choice) {
    return settings()
        .map(one -> choice.withKept(StepCache.keeps(one)).withOutputs(StepCache.keepsOutputs(one)))
        .orElse(choice);
  }
}
