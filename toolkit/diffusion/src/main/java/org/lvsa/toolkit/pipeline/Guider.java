// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The options that diffusers' guider {@code ClassifierFreeGuidance} has beside its scale.
 *
 * @param rescale how much of a guided prediction is brought to the standard deviation that the
 *     prediction with the prompt has, from 0 to 1 (Lin et al. 2024, section 3.4)
 * @param start share of the steps before guidance begins, at least 0 and below 1
 * @param stop share of the steps after which guidance ends, from {@code start} to 1
 * @param original whether the scale counts from the prediction with the prompt, as Ho and Salimans
 *     wrote it, and not from the one with the negative prompt: then 0 turns guidance off, and not 1
 */
public record Guider(double rescale, double start, double stop, boolean original) {
  /** All steps are guided, and nothing is rescaled. */
  public static final Guider PLAIN = new Guider(0, 0, 1, false);

  /** Two numbers closer than this part of the larger one are the same scale. */
  private static final double CLOSE = 1e-9;

  /** The shares are in order. */
  public Guider {
    if (!(rescale >= 0 && rescale <= 1)) {
      throw new IllegalArgumentException("guidance rescale must be from 0 to 1, got " + rescale);
    }
    if (!(start >= 0 && start < 1)) {
      throw new IllegalArgumentException(
          "guidance start must be at least 0 and below 1, got " + start);
    }
    if (!(stop >= start && stop <= 1)) {
      throw new IllegalArgumentException(
          "guidance stop must be from the start, " + start + ", to 1, got " + stop);
    }
  }

  /** The scale with which guidance changes nothing. */
  public double off() {
    return original ? 0 : 1;
  }

  /** Whether a scale needs the prediction with the negative prompt at all. */
  public boolean isOn(double scale) {
    return Math.abs(scale - off()) > CLOSE * Math.max(Math.abs(scale), off());
  }

  /**
   * Whether a step is guided.
   *
   * @param step its number, from 0
   * @param steps of the generation
   */
  public boolean guides(double scale, int step, int steps) {
    return isOn(scale) && (int) (start * steps) <= step && step < (int) (stop * steps);
  }

  /**
   * The guided prediction of a step, in float32.
   *
   * @return a new tensor
   */
  public INDArray combine(INDArray conditional, INDArray unconditional, double scale) {
    INDArray guided =
        original
            ? Guidance.beyond(conditional, unconditional, scale)
            : Guidance.combine(conditional, unconditional, scale);
    if (rescale > 0) {
      Guidance.rescale(guided, conditional, rescale);
    }
    return guided;
  }
}
