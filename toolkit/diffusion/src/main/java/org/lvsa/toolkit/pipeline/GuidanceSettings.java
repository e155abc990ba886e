// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import org.lvsa.toolkit.wan.Guidance;

/**
 * How strongly a video follows its prompt.
 *
 * @param scale factor on the difference between the prediction with the prompt and the one with the
 *     negative prompt; guidance is on above 1
 * @param batched whether one run of the model predicts both as a batch, which takes twice the
 *     memory, or two runs do
 */
public record GuidanceSettings(double scale, boolean batched) {
  /** The scale is a number. */
  public GuidanceSettings {
    if (!Double.isFinite(scale)) {
      throw new IllegalArgumentException("guidance scale must be a finite number, got " + scale);
    }
  }

  /** Whether a step needs the negative prompt. */
  public boolean on() {
    return Guidance.isOn(scale);
  }

  /** Runs of the model per step. */
  public int passes() {
    return on() && !batched ? 2 : 1;
  }
}
