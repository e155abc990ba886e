// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;

/** What every scheduler checks and computes alike. */
final class Steps {
  /** Elements that a processor computes at a time. */
  private static final int PART = 1 << 16;

  private Steps() {}

  /** A part of an array. */
  @FunctionalInterface
  interface Part {
    /** Computes the elements from {@code first} up to {@code end}, which is not one of them. */
    void compute(int first, int end);
  }

  /**
   * Computes an array's elements, of which none depends on another, by all processors. A long
   * video's latents have tens of millions: one processor would take a noticeable part of the time
   * of a step whose transformer is on a GPU.
   */
  static void inParts(int length, Part part) {
    int parts = Math.ceilDiv(length, PART);
    IntStream.range(0, parts)
        .parallel()
        .forEach(i -> part.compute(i * PART, (int) Math.min(length, (i + 1L) * PART)));
  }

  /** Refuses a number of steps below 1. */
  static void checkCount(int steps) {
    if (steps < 1) {
      throw new IllegalArgumentException("steps must be at least 1, got " + steps);
    }
  }

  /**
   * Checks what a step is given.
   *
   * @param earlier an array of an earlier step, null where there is none
   */
  static void check(
      Schedule schedule, int done, float[] modelOutput, float[] sample, float[] earlier) {
    if (done >= schedule.steps()) {
      throw new IllegalStateException("all " + schedule.steps() + " steps are made");
    }
    if (modelOutput.length != sample.length) {
      throw new IllegalArgumentException(
          "the model's output has "
              + modelOutput.length
              + " elements, the sample has "
              + sample.length);
    }
    if (earlier != null && earlier.length != sample.length) {
      throw new IllegalArgumentException(
          "the sample has "
              + sample.length
              + " elements, it had "
              + earlier.length
              + " in the step before");
    }
  }

  /** Checks that a history has the tensors that a scheduler keeps after that many steps. */
  static void checkHistory(Schedule schedule, History history, Set<String> names) {
    if (history.done() < 0 || history.done() > schedule.steps()) {
      throw new IllegalArgumentException(
          "the history is of " + history.done() + " steps, the scheduler has " + schedule.steps());
    }
    if (!history.tensors().keySet().equals(names)) {
      throw new IllegalArgumentException(
          "the history after step "
              + history.done()
              + " must hold "
              + new TreeSet<>(names)
              + ", it holds "
              + history.tensors().keySet());
    }
    if (history.tensors().values().stream().mapToInt(t -> t.length).distinct().count() > 1) {
      throw new IllegalArgumentException("the history's tensors have different lengths");
    }
  }

  /** The clean sample that a velocity points to: {@code sample − sigma · velocity}. */
  static float[] predicted(float[] modelOutput, float[] sample, float sigma) {
    float[] predicted = new float[sample.length];
    inParts(
        predicted.length,
        (first, end) -> {
          for (int e = first; e < end; e++) {
            predicted[e] = sample[e] - sigma * modelOutput[e];
          }
        });
    return predicted;
  }

  /** The signal's share, in float32 as sigma is. */
  static float alpha(float sigma) {
    return 1 - sigma;
  }

  /** Half the logarithm of the signal-to-noise ratio, infinite at sigma 0. */
  static double lambda(float sigma) {
    return Math.log(alpha(sigma)) - Math.log(sigma);
  }
}
