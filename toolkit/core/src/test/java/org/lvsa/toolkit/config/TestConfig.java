// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.config;

import java.util.HashMap;
import java.util.Map;

/** Configurations for tests. */
public final class TestConfig {
  private TestConfig() {}

  /** Some variables, and then others by name and value. */
  public static LvsaConfig of(Map<String, String> base, String... namesAndValues) {
    Map<String, String> all = new HashMap<>(base);
    for (int i = 0; i < namesAndValues.length; i += 2) {
      all.put(namesAndValues[i], namesAndValues[i + 1]);
    }
    return LvsaConfig.of(all, Map.of(), line -> {});
  }
}
