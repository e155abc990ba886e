// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pattern;

import java.util.OptionalInt;

/**
 * What a pattern is built from. Everything is counted in latent frames.
 *
 * @param latentFrames {@code T}, at least 1
 * @param patchesPerFrame {@code P}, at least 1
 * @param window {@code W}: frames on either side of the query frame; 0 means no window
 * @param firstFrames leading frames that every frame attends to
 * @param referenceFrames the model's training horizon
 * @param sparsityScale multiplies the reference: below 1 is sparser; above 0
 * @param keyFrameInterval distance of the periodic keyframes; empty for the automatic one
 * @param step denoising step, at least 0; matters only with {@code rotateKeyframes}
 * @param rotateKeyframes move the keyframes by one position a step
 * @param expandWindow grow windows until they hold {@code 2W + 1} frames that are not global
 * @param rank this rank, below {@code world}
 * @param world ranks that share the sequence; must divide {@code T · P}
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
    boolean expandWindow,
    int rank,
    int world) {

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
    atLeast("world", world, 1);
    if (rank < 0 || rank >= world) {
      throw new IllegalArgumentException(
          "rank must be from 0 to " + (world - 1) + " (world is " + world + "), got " + rank);
    }
    long tokens = (long) latentFrames * patchesPerFrame;
    if (tokens > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "latent frames · patches per frame must be at most 2^31-1, got " + tokens);
    }
    if (tokens % world != 0) {
      throw new IllegalArgumentException(
          "world must divide the "
              + tokens
              + " tokens ("
              + latentFrames
              + " frames of "
              + patchesPerFrame
              + " patches), got "
              + world);
    }
  }

  private static void atLeast(String name, int value, int least) {
    if (value < least) {
      throw new IllegalArgumentException(name + " must be at least " + least + ", got " + value);
    }
  }

  /**
   * Settings for one rank with the published defaults: automatic interval, no rotation, expanded
   * windows.
   */
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
        true,
        0,
        1);
  }

  /**
   * Beyond the training horizon, a window that with the first frames would cover the whole video
   * shrinks to half the horizon, and the first frames to a quarter of it, before an automatic
   * interval is computed. Other settings stay as they are.
   */
  public PatternSettings shrunkToHorizon() {
    boolean covers =
        keyFrameInterval.isEmpty()
            && 2 * window + 1 + firstFrames >= latentFrames
            && latentFrames > referenceFrames;
    return !covers
        ? this
        : new PatternSettings(
            latentFrames,
            patchesPerFrame,
            Math.max(referenceFrames / 2, 1),
            Math.max(referenceFrames / 4, 1),
            referenceFrames,
            sparsityScale,
            keyFrameInterval,
            step,
            rotateKeyframes,
            expandWindow,
            rank,
            world);
  }

  /** These settings at a denoising step, with rotating keyframes. */
  public PatternSettings rotatedTo(int newStep) {
    return new PatternSettings(
        latentFrames,
        patchesPerFrame,
        window,
        firstFrames,
        referenceFrames,
        sparsityScale,
        keyFrameInterval,
        newStep,
        true,
        expandWindow,
        rank,
        world);
  }
}
