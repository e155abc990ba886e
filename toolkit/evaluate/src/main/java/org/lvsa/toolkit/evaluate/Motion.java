// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.util.Arrays;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.lvsa.toolkit.evaluate.frame.FlowField;
import org.lvsa.toolkit.evaluate.frame.GrayImage;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;

/**
 * How a video moves: the optical flow of those pairs of consecutive judged frames that the
 * dimensions look at, each computed once.
 *
 * @param frames judged frames
 * @param pairs by the pair's first frame
 */
public record Motion(int frames, Map<Integer, Pair> pairs) {
  private static final int SMOOTHNESS_PAIRS = 30;
  private static final int DYNAMICS_PAIRS = 10;

  /** A pixel that moves further than this, in pixels, is moving. */
  private static final float MOVING = 1;

  static final int DIRECTIONS = 16;

  /**
   * The motion from one judged frame to the next.
   *
   * @param meanLength how far pixels moved on average, in pixels
   * @param moving how many pixels moved by more than one pixel
   * @param pixels of the picture between which motion was measured
   * @param directions how many moving pixels went in each sixteenth of the circle, from -π on
   * @param centredDirections as {@code directions}, the first sixteenth around -π, so that motion
   *     along the axes lies within one
   */
  public record Pair(
      double meanLength, int moving, int pixels, long[] directions, long[] centredDirections) {
    /** Share of the pixels that are moving. */
    public double movingShare() {
      return (double) moving / pixels;
    }

    static Pair of(FlowField flow) {
      long[] directions = new long[DIRECTIONS];
      long[] centred = new long[DIRECTIONS];
      int moving = 0;
      for (int pixel = 0; pixel < flow.pixels(); pixel++) {
        if (flow.length(pixel) > MOVING) {
          moving++;
          double direction = flow.direction(pixel);
          int bin = bin(direction);
          if (bin >= 0) {
            directions[bin]++;
          }
          double turns = (direction + Math.PI) / (2 * Math.PI) * DIRECTIONS;
          centred[Math.floorMod((int) Math.floor(turns + 0.5), DIRECTIONS)]++;
        }
      }
      return new Pair(flow.meanLength(), moving, flow.pixels(), directions, centred);
    }

    /**
     * The place in NumPy's histogram of [-π, π]: the last one is closed, and what lies outside, as
     * the float that is nearest to π does, is in none.
     */
    static int bin(double direction) {
      if (direction < -Math.PI || direction > Math.PI) {
        return -1;
      }
      int bin = (int) ((direction + Math.PI) / (2 * Math.PI) * DIRECTIONS);
      bin = Math.min(bin, DIRECTIONS - 1);
      if (direction < edge(bin)) {
        return bin - 1;
      }
      return bin < DIRECTIONS - 1 && direction >= edge(bin + 1) ? bin + 1 : bin;
    }

    private static double edge(int bin) {
      return bin * (2 * Math.PI / DIRECTIONS) - Math.PI;
    }
  }

  /** Measures the motion of a video, on all cores. */
  public static Motion of(SampledVideo video) {
    int[] needed =
        IntStream.concat(
                Arrays.stream(Pairs.pairs(video.count(), SMOOTHNESS_PAIRS)),
                Arrays.stream(Pairs.pairs(video.count(), DYNAMICS_PAIRS)))
            .distinct()
            .sorted()
            .toArray();
    Map<Integer, GrayImage> reduced =
        IntStream.concat(Arrays.stream(needed), Arrays.stream(needed).map(i -> i + 1))
            .distinct()
            .parallel()
            .boxed()
            .collect(
                Collectors.toConcurrentMap(
                    Function.identity(), i -> FlowField.reduced(video.frame(i))));
    return new Motion(
        video.count(),
        Arrays.stream(needed)
            .parallel()
            .boxed()
            .collect(
                Collectors.toConcurrentMap(
                    Function.identity(),
                    i -> Pair.of(FlowField.between(reduced.get(i), reduced.get(i + 1))))));
  }

  /** First frames of the about 30 pairs whose lengths are followed. */
  public int[] smoothnessPairs() {
    return Pairs.pairs(frames, SMOOTHNESS_PAIRS);
  }

  /** How far pixels moved on average, in each of {@link #smoothnessPairs}. */
  public double[] lengths() {
    return Arrays.stream(smoothnessPairs()).mapToDouble(i -> pairs.get(i).meanLength()).toArray();
  }

  /** The about 10 pairs whose moving pixels are counted. */
  public Pair[] dynamicsPairs() {
    return Arrays.stream(Pairs.pairs(frames, DYNAMICS_PAIRS))
        .mapToObj(pairs::get)
        .toArray(Pair[]::new);
  }
}
