// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

/**
 * How a generation knows which denoising step it is in. Only rotating keyframes depend on the step:
 * their offset is the step modulo the interval. The published implementation counts in two ways,
 * and a result is comparable with a published one only if the steps are counted alike.
 */
public enum StepCounting {
  /**
   * As the published example programs: they announce step {@code i} after the forward passes of
   * step {@code i}, so that the announcement takes effect one step late. The steps in force are 0,
   * 0, 1, 2, …; the first one comes twice. A pipeline that counts like this calls {@link
   * StepTracker#begin} before the forward passes of each step.
   */
  EXAMPLES {
    @Override
    int inForce(int step) {
      return Math.max(step - 1, 0);
    }
  },

  /**
   * As the published vLLM-Omni plugin: a step is as many self-attentions as the model has blocks,
   * times the forward passes per step. Nobody has to announce a step, and none is late. Another
   * sequence length starts again from step 0; another video of the same length does not.
   */
  PLUGIN {
    @Override
    int inForce(int step) {
      throw new UnsupportedOperationException("the plugin's steps are counted, not announced");
    }
  };

  /** The step whose offset is in force during the forward passes of an announced step. */
  abstract int inForce(int step);
}
