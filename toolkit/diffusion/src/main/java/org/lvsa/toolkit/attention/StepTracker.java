// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.HashSet;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The denoising step that a call of self-attention belongs to: announced by the pipeline, or
 * counted from the calls, as {@link StepCounting} says. Where it is counted, a step is {@code
 * blocks · passes} calls; if the number of blocks is not given, the first block that calls again
 * tells it.
 *
 * <p>Each generation has a tracker of its own, so generations that run at once do not disturb each
 * other. Calls of one generation may come from several threads.
 */
public final class StepTracker {
  private final StepCounting counting;
  private final int passes;
  private final Consumer<String> log;
  private final Set<Object> seen = new HashSet<>();
  private int blocks;
  private long calls;
  private int step;
  private int tokens = -1;
  private boolean announced;

  /**
   * A tracker before its first step.
   *
   * @param counting how steps are known
   * @param blocks of the model, if known; counted otherwise
   * @param passes forward passes per step: 2 with guidance in two passes, 1 without
   * @param log takes the published lines
   */
  public StepTracker(StepCounting counting, OptionalInt blocks, int passes, Consumer<String> log) {
    this.counting = counting;
    this.blocks = blocks.orElse(0);
    this.passes = passes;
    this.log = log;
    announced = counting == StepCounting.EXAMPLES;
    if (blocks.isPresent()) {
      log.accept("[LVSA] Step counter: n_blocks=" + blocks.getAsInt() + " (from env)");
    }
  }

  /**
   * The forward passes of a denoising step begin. Under {@link StepCounting#EXAMPLES} this tells
   * the step in force, which is the one before; under {@link StepCounting#PLUGIN} it changes
   * nothing, so that a pipeline can always call it.
   *
   * @param index of the step, from 0
   */
  public synchronized void begin(int index) {
    if (counting == StepCounting.EXAMPLES) {
      step = counting.inForce(index);
    }
  }

  /** Sets the step in force, exactly as given; from now on no call is counted. */
  public synchronized void setStep(int next) {
    announced = true;
    step = next;
  }

  /** Begins another video at step 0. A number of blocks that was learnt stays known. */
  public synchronized void reset() {
    announced = counting == StepCounting.EXAMPLES;
    calls = 0;
    step = 0;
    tokens = -1;
    seen.clear();
  }

  /**
   * A run goes on that was interrupted: its earlier calls count as if they were made here.
   *
   * @param layers blocks of the model that called in each pass
   * @param earlier passes that were made, all steps together
   */
  public synchronized void goOn(int layers, long earlier) {
    if (earlier > 0 && !announced) {
      calls = earlier * layers;
      blocks = blocks == 0 ? layers : blocks;
    }
  }

  /**
   * Counts a call of self-attention, unless steps are announced. Another sequence length is another
   * video, or the end of a warm-up, and starts from step 0.
   *
   * @param layer which block calls; equal for the same block in every step
   * @param sequence tokens of the call
   * @return the step in force
   */
  public synchronized int tick(Object layer, int sequence) {
    if (announced) {
      return step;
    }
    if (tokens >= 0 && tokens != sequence) {
      calls = 0;
      step = 0;
      seen.clear();
    }
    tokens = sequence;
    calls++;
    if (blocks == 0 && !seen.add(layer)) {
      blocks = seen.size();
      seen.clear();
      log.accept(
          "[LVSA] Step counter auto-calibrated: n_blocks=" + blocks + " cfg_passes=" + passes);
    }
    if (blocks > 0) {
      step = (int) ((calls - 1) / ((long) blocks * passes));
    }
    return step;
  }

  /** The step in force, as last announced or counted. */
  public synchronized int step() {
    return step;
  }
}
