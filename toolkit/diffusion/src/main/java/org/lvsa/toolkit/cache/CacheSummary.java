// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What a step cache did in one run.
 *
 * @param backend the cache's name
 * @param settings in short
 * @param steps by list of blocks and branch, such as {@code transformer.blocks cond}: a {@code .}
 *     per computed step and a {@code C} per cached one; empty with pyramid attention broadcast
 * @param computed blocks' lists (or attentions) that were computed
 * @param cached those that were taken from the cache
 * @param idle why nothing can have been taken from the cache; empty if something can
 * @param measured what was measured instead, where that was asked for
 */
public record CacheSummary(
    String backend,
    String settings,
    Map<String, String> steps,
    int computed,
    int cached,
    Optional<String> idle,
    Optional<Measured> measured) {
  /**
   * A measured setting.
   *
   * @param name as {@code --cache-config} takes it
   * @param values of the setting
   * @param quality how it was measured, in words
   */
  public record Measured(String name, List<Double> values, String quality) {
    /** As {@code --cache-config} takes it. */
    public String json() {
      return values.stream()
          .map(String::valueOf)
          .collect(Collectors.joining(", ", "{\"" + name + "\": [", "]}"));
    }
  }

  /** The summary as lines for a log. */
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    String what = steps.isEmpty() ? "attentions" : "steps";
    lines.add(
        String.format(
            Locale.ROOT,
            "cache %s %s: %d %s computed, %d cached",
            backend,
            settings,
            computed,
            what,
            cached));
    steps.forEach((name, text) -> lines.add(name + " " + text));
    idle.ifPresent(lines::add);
    measured.ifPresent(its -> lines.add("measured " + its.json() + " (" + its.quality() + ")"));
    return lines;
  }
}
