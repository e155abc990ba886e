// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pattern;

import java.util.BitSet;

/**
 * The rules of the LVSA pattern, each a pure function over latent frames. They follow the published
 * implementation (Long Video Sparse Attention, arXiv 2605.31057).
 */
public final class Frames {
  private Frames() {}

  /** Latent frames of a video: {@code (videoFrames − 1) / temporalFactor + 1}. */
  public static int latent(int videoFrames, int temporalFactor) {
    return (videoFrames - 1) / temporalFactor + 1;
  }

  /** The attention budget: {@code max(first + 1, floor(reference · sparsityScale))}. */
  public static int scaledReference(int firstFrames, int referenceFrames, double sparsityScale) {
    return (int)
        Math.max(
            Math.min(firstFrames + 1L, Integer.MAX_VALUE), (int) (referenceFrames * sparsityScale));
  }

  /**
   * The automatic keyframe interval: 1 where the sequence is within the budget, else the larger of
   * the <em>strict</em> one (the largest that leaves enough global frames) and the
   * <em>fallback</em> (a closed form that stays sparse where the strict one collapses to 1).
   */
  public static int automaticInterval(
      int frames, int window, int firstFrames, int referenceFrames, double sparsityScale) {
    int scaled = scaledReference(firstFrames, referenceFrames, sparsityScale);
    if (frames <= scaled) {
      return 1;
    }
    int globalsWanted =
        Math.max(firstFrames, Math.min(scaled, frames) - (int) Math.min(2L * window + 1, frames));
    int strict = 1;
    for (int interval = frames; interval >= 1; interval--) {
      if (globals(frames, firstFrames, interval) >= globalsWanted) {
        strict = interval;
        break;
      }
    }
    long mandatory = 2L * window + firstFrames;
    long fallback =
        Math.ceilDiv(
            Math.max(frames - mandatory, scaled - mandatory), Math.max(scaled - mandatory, 1));
    return (int) Math.max(strict, fallback);
  }

  /** How many frames are first frames or multiples of the interval. */
  private static int globals(int frames, int firstFrames, int interval) {
    int first = Math.min(firstFrames, frames);
    return first + Math.ceilDiv(frames, interval) - Math.ceilDiv(first, interval);
  }

  /** First frames and the periodic keyframes, which wrap around at the end. */
  public static BitSet anchors(int frames, int firstFrames, int interval, int offset) {
    BitSet anchors = new BitSet(frames);
    anchors.set(0, Math.min(firstFrames, frames));
    for (int i = 0; i < Math.ceilDiv(frames, interval); i++) {
      anchors.set((int) ((offset + (long) i * interval) % frames));
    }
    return anchors;
  }

  /**
   * Frames within {@code window} of a frame at which one rank's tokens end and the next one's
   * begin. Where tokens do not divide, the last ranks have fewer, or none.
   */
  public static BitSet boundaryGuards(int frames, int patchesPerFrame, int window, int world) {
    long tokens = (long) frames * patchesPerFrame;
    long localTokens = Math.ceilDiv(tokens, world);
    BitSet guards = new BitSet(frames);
    for (int rank = 1; rank < world && rank * localTokens < tokens; rank++) {
      long boundary = rank * localTokens / patchesPerFrame;
      guards.set(
          (int) Math.max(0, boundary - window), (int) Math.min(frames, boundary + window + 1));
    }
    return guards;
  }

  /**
   * The window of a frame: shifted, not cut, at the ends of the video, and with {@code expand}
   * grown to the left and the right in turn until it holds {@code min(2W + 1, T − globals)} frames
   * that are not global. {@code W = 0} gives the empty range {@code [frame, frame − 1]}.
   */
  public static FrameRange window(
      int frame, int window, int frames, boolean expand, BitSet globals) {
    if (window == 0) {
      return new FrameRange(frame, frame - 1);
    }
    int low = (int) Math.max(0, Math.min((long) frame - window, frames - 1 - 2L * window));
    int high = (int) Math.min(frames - 1, Math.max((long) frame + window, 2L * window));
    if (!expand) {
      return new FrameRange(low, high);
    }
    int wanted = (int) Math.min(2L * window + 1, frames - globals.cardinality());
    int held = high - low + 1 - globals.get(low, high + 1).cardinality();
    while (held < wanted && (low > 0 || high < frames - 1)) {
      if (low > 0 && !globals.get(--low)) {
        held++;
      }
      if (held < wanted && high < frames - 1 && !globals.get(++high)) {
        held++;
      }
    }
    return new FrameRange(low, high);
  }
}
