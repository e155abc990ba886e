// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pattern;

import java.util.OptionalInt;

/**
 * The settings from which a pattern is built. Everything is counted in latent frames.
 *
 * <p>{@link #of} gives the published defaults; the {@code with} methods and {@link #rotatedTo}
 * change one thing each.
 *
 * @param latentFrames {@code T}, at least 1
 * @param patchesPerFrame {@code P}, at least 1
 * @param window {@code W}: frames on either side of the query frame; 0 means no window
 * @param firstFrames leading frames that every frame attends to
 * @param referenceFrames the model's training horizon
 * @param sparsityScale multiplies the reference: below 1 is sparser; above 0
 * @param keyFrameInterval distance of the periodic keyframes; empty for the automatic one
 * @param step denoising step, at least 0; matters only with {@code rotateKeyframes}
 * @param rotateKeyframes move the keyframes by one position per step
 * @param expandWindow grow windows until they hold {@code 2W + 1} frames that are not global
 */
public record PatternSettings(
    int latentFrames,
    int patchesPerFrame,
    int window,
    int firstFrames,
    int referenceFrames,
    double sparsityScale,
    OptionalInt keyFrameInterval,
    int step,
    boolean rotateKeyframes,
    boolean expandWindow) {

  /**
   * @throws IllegalArgumentException naming the setting, its value and what is allowed
   */
  public PatternSettings {
    atLeast("latent frames", latentFrames, 1);
    atLeast("patches per frame", patchesPerFrame, 1);
    atLeast("window", window, 0);
    atLeast("first frames", firstFrames, 0);
    atLeast("reference frames", referenceFrames, 1);
    if (!(sparsityScale > 0) || Double.isInfinite(sparsityScale)) {
      throw new IllegalArgumentException(
          "sparsity scale must be a number above 0, got " + sparsityScale);
    }
    keyFrameInterval.ifPresent(interval -> atLeast("key frame interval", interval, 1));
    atLeast("step", step, 0);
    long tokens = (long) latentFrames * patchesPerFrame;
    if (tokens > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "latent frames · patches per frame must be at most 2^31-1, got " + tokens);
    }
  }

  private static void atLeast(String name, int value, int least) {
    if (value < least) {
      throw new IllegalArgumentException(name + " must be at least " + least + ", got " + value);
    }
  }

  /** The published defaults: automatic interval, no rotation, expanded windows. */
  public static PatternSettings of(
      int latentFrames,
      int patchesPerFrame,
      int window,
      int firstFrames,
      int referenceFrames,
      double sparsityScale) {
    return new PatternSettings(
        latentFrames,
        patchesPerFrame,
        window,
        firstFrames,
        referenceFrames,
        sparsityScale,
        OptionalInt.empty(),
        0,
        false,
        true);
  }

  /** These settings with another window and other first frames. */
  public PatternSettings withWindow(int newWindow, int newFirstFrames) {
    return new PatternSettings(
        latentFrames,
        patchesPerFrame,
        newWindow,
        newFirstFrames,
        referenceFrames,
        sparsityScale,
        keyFrameInterval,
        step,
        rotateKeyframes,
        expandWindow);
  }

  /** These settings with a given interval, or with the automatic one if it is empty. */
  public PatternSettings withKeyFrameInterval(OptionalInt interval) {
    return new PatternSettings(
        latentFrames,
        patchesPerFrame,
        window,
        firstFrames,
        referenceFrames,
        sparsityScale,
        interval,
        step,
        rotateKeyframes,
        expandWindow);
  }

  /** These settings with keyframes that rotate, or that stay where they are. */
  public PatternSettings withRotateKeyframes(boolean rotate) {
    return withStep(step, rotate);
  }

  /** These settings with windows that expand, or that do not. */
  public PatternSettings withExpandWindow(boolean expand) {
    return new PatternSettings(
        latentFrames,
        patchesPerFrame,
        window,
        firstFrames,
        referenceFrames,
        sparsityScale,
        keyFrameInterval,
        step,
        rotateKeyframes,
        expand);
  }

  /** These settings at a denoising step; whether keyframes rotate stays as it is. */
  public PatternSettings withStep(int newStep) {
    return withStep(newStep, rotateKeyframes);
  }

  /** These settings at a denoising step, with rotating keyframes. */
  public PatternSettings rotatedTo(int newStep) {
    return withStep(newStep, true);
  }

  private PatternSettings withStep(int newStep, boolean rotate) {
    return new PatternSettings(
        latentFrames,
        patchesPerFrame,
        window,
        firstFrames,
        referenceFrames,
        sparsityScale,
        keyFrameInterval,
        newStep,
        rotate,
        expandWindow);
  }

  /**
   * Beyond the training horizon, a window that with the first frames would cover the whole video
   * shrinks to half the horizon, and the first frames to a quarter of it, before an automatic
   * interval is computed. Other settings stay as they are.
   */
  public PatternSettings shrunkToHorizon() {
    boolean covers =
        keyFrameInterval.isEmpty()
            && 2L * window + 1 + firstFrames >= latentFrames
            && latentFrames > referenceFrames;
    return covers
        ? withWindow(Math.max(referenceFrames / 2, 1), Math.max(referenceFrames / 4, 1))
        : this;
  }
}
