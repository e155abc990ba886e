// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

/** By which rules a video is judged. */
public enum Rules {
  /** The published tool's, to the last digit, its faults and silent defaults included. */
  UPSTREAM,
  /** Ours: the same measures, where the published tool's faults are mended. */
  MENDED
}
