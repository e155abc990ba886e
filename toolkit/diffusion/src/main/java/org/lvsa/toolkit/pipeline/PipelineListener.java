// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

/** Told how a video comes along; every method does nothing unless it is overridden. */
public interface PipelineListener {
  /**
   * A part of the work begins.
   *
   * @param what in words, such as {@code encoding the prompts}
   */
  default void phase(String what) {}

  /**
   * Denoising begins.
   *
   * @param done steps that an earlier run made
   * @param steps all steps
   */
  default void denoising(int done, int steps) {}

  /**
   * A step is done.
   *
   * @param step its number, from 0
   */
  default void stepDone(int step) {}

  /**
   * Decoding begins.
   *
   * @param frames video frames that it will give
   */
  default void decoding(int frames) {}

  /**
   * A video frame is decoded.
   *
   * @param frame its number, from 0
   */
  default void frameDone(int frame) {}
}
