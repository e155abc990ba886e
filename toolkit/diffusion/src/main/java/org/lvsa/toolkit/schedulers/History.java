// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a scheduler remembers between two steps.
 *
 * @param done number of steps made
 * @param tensors name → elements: {@code x0.0} is the clean sample that the newest step predicted,
 *     {@code x0.1} that of the step before, and so on; {@code corrected} is the sample that the
 *     newest step started from, after its correction
 */
public record History(int done, Map<String, float[]> tensors) {
  /** Copies the map, sorted by name; the arrays are shared. */
  public History {
    tensors = Collections.unmodifiableMap(new TreeMap<>(tensors));
  }

  /** The name of the clean sample that was predicted {@code age} steps before the newest. */
  static String predicted(int age) {
    return "x0." + age;
  }

  /** The name of the sample that the newest step started from. */
  static final String CORRECTED = "corrected";
}
