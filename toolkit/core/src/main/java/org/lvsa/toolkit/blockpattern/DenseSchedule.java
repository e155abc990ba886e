// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import org.lvsa.toolkit.io.Messages;

/**
 * When a pattern stands back and attention is dense: in the first denoising steps, which lay out
 * the picture, and in the first layers.
 *
 * @param steps how many of a run's steps
 * @param layers how many of a model's layers
 */
public record DenseSchedule(Amount steps, Amount layers) {
  /** The pattern acts in all steps and layers. */
  public static final DenseSchedule NONE = new DenseSchedule(Amount.parse("0"), Amount.parse("0"));

  /**
   * A number, or a share of all.
   *
   * @param number of steps or layers; with {@code isShare} of a hundred, rounded down
   */
  public record Amount(double number, boolean isShare) {
    /**
     * Reads {@code 12} or {@code 20%}.
     *
     * @throws IllegalArgumentException for anything else
     */
    public static Amount parse(String text) {
      if (text.matches("\\d{1,9}")) {
        return new Amount(Integer.parseInt(text), false);
      }
      if (text.matches("\\d{1,3}(\\.\\d{1,6})?%")) {
        double percent = Double.parseDouble(text.substring(0, text.length() - 1));
        if (percent <= 100) {
          return new Amount(percent, true);
        }
      }
      throw new IllegalArgumentException(
          "must be a whole number or a share such as 20%, got " + Messages.cut(text));
    }

    /** How many of {@code all} these are. */
    public int of(int all) {
      return isShare ? (int) Math.floor(number * all / 100 + 1e-9) : (int) Math.min(number, all);
    }
  }

  /**
   * Whether attention is dense.
   *
   * @param step index of the denoising step
   * @param allSteps steps of the run
   * @param layer index of the layer
   * @param allLayers layers of the model
   */
  public boolean isDense(int step, int allSteps, int layer, int allLayers) {
    return step < steps.of(allSteps) || layer < layers.of(allLayers);
  }
}
