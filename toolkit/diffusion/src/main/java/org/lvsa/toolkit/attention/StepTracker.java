// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.HashSet;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Which denoising step a call belongs to: said explicitly, or counted. A step is {@code blocks ·
 * passes} self-attentions; if the number of blocks is not given, the first block that calls again
 * tells it. One tracker a generation, so concurrent generations do not disturb each other; calls of
 * one generation may come from several threads.
 */
public final class StepTracker {
  private final int passes;
  private final Consumer<String> log;
  private final Set<Object> seen = new HashSet<>();
  private int blocks;
  private long calls;
  private int step;
  private int tokens = -1;
  private boolean explicit;

  /**
   * @param blocks of the model, if known
   * @param passes forward passes of a step
   * @param log takes the published lines
   */
  public StepTracker(OptionalInt blocks, int passes, Consumer<String> log) {
    this.blocks = blocks.orElse(0);
    this.passes = passes;
    this.log = log;
    if (blocks.isPresent()) {
      log.accept("[LVSA] Step counter: n_blocks=" + blocks.getAsInt() + " (from env)");
    }
  }

  /** Says which step begins; from now on nothing is counted. */
  public synchronized void setStep(int next) {
    explicit = true;
    step = next;
  }

  /** Begins another generation. */
  public synchronized void reset() {
    explicit = false;
    calls = 0;
    step = 0;
    tokens = -1;
    seen.clear();
  }

  /**
   * Counts a self-attention. Another sequence length is another generation (or the end of a
   * warm-up) and starts from 0.
   *
   * @param layer which block calls; equal for the same block in every step
   * @param sequence tokens of the call
   * @return the step
   */
  public synchronized int tick(Object layer, int sequence) {
    if (explicit) {
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

  /** The step as last told or counted. */
  public synchronized int step() {
    return step;
  }
}
