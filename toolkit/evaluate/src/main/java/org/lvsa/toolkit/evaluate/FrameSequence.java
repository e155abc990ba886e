// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.lvsa.toolkit.evaluate.frame.FlowField;
import org.lvsa.toolkit.evaluate.frame.GrayImage;
import org.lvsa.toolkit.evaluate.frame.RgbFrame;

/**
 * Measures of all frames of a video, one after the other, that need no network. They follow the
 * definitions of VBench (Huang et al., "VBench: Comprehensive Benchmark Suite for Video Generative
 * Models", 2024); where VBench interpolates frames with a network, these interpolate along the
 * optical flow, so their values are near VBench's and not the same.
 *
 * <p>Frames are shown one by one; a few at a time are measured on all cores.
 */
public final class FrameSequence implements Consumer<RgbFrame> {
  private static final double WHITE = 255;

  /** Frames that are measured at a time, odd so that the last one begins the next lot. */
  private static final int LOT = 33;

  private final List<RgbFrame> lot = new ArrayList<>();
  private RgbFrame last;
  private int frames;
  private double changes;
  private int interpolated;
  private double misses;

  /**
   * What came of it.
   *
   * @param frames how many there were
   * @param temporalFlickering 0 to 1, 1 for a still video: 1 less the mean absolute difference of
   *     consecutive frames, in shares of white; NaN of one frame
   * @param motionSmoothness 0 to 1: 1 less the mean absolute difference of every second frame from
   *     what lies half way between its neighbours, in shares of white; NaN of fewer than 3 frames
   */
  public record Measures(int frames, double temporalFlickering, double motionSmoothness) {}

  @Override
  public void accept(RgbFrame frame) {
    if (last != null) {
      changes += difference(last.rgb(), frame.rgb());
    }
    last = frame;
    frames++;
    lot.add(FlowField.scaled(frame));
    if (lot.size() == LOT) {
      measure();
      RgbFrame next = lot.getLast();
      lot.clear();
      lot.add(next);
    }
  }

  Measures measures() {
    measure();
    lot.clear();
    return new Measures(
        frames,
        1 - changes / (frames - 1) / WHITE,
        interpolated == 0 ? Double.NaN : 1 - misses / interpolated / WHITE);
  }

  private void measure() {
    int pairs = (lot.size() - 1) / 2;
    double[] each =
        IntStream.range(0, pairs)
            .parallel()
            .mapToDouble(i -> miss(lot.get(2 * i), lot.get(2 * i + 1), lot.get(2 * i + 2)))
            .toArray();
    interpolated += each.length;
    for (double one : each) {
      misses += one;
    }
  }

  /** How far a frame is from what lies half way between its neighbours. */
  private static double miss(RgbFrame before, RgbFrame frame, RgbFrame after) {
    FlowField flow = FlowField.between(GrayImage.of(before), GrayImage.of(after));
    double sum = 0;
    for (int y = 0; y < frame.height(); y++) {
      for (int x = 0; x < frame.width(); x++) {
        int pixel = y * frame.width() + x;
        float right = flow.motion()[2 * pixel] / 2;
        float down = flow.motion()[2 * pixel + 1] / 2;
        for (int colour = 0; colour < 3; colour++) {
          double half =
              (sample(before, x - right, y - down, colour)
                      + sample(after, x + right, y + down, colour))
                  / 2;
          sum += Math.abs(half - (frame.rgb()[3 * pixel + colour] & 0xff));
        }
      }
    }
    return sum / frame.rgb().length;
  }

  /** A colour between pixels, bilinear, with the outermost pixels going on beyond the border. */
  private static double sample(RgbFrame frame, float x, float y, int colour) {
    float column = Math.clamp(x, 0f, frame.width() - 1f);
    float row = Math.clamp(y, 0f, frame.height() - 1f);
    int left = (int) column;
    int top = (int) row;
    int right = Math.min(left + 1, frame.width() - 1);
    int bottom = Math.min(top + 1, frame.height() - 1);
    double across = column - left;
    double above =
        at(frame, left, top, colour) * (1 - across) + at(frame, right, top, colour) * across;
    double below =
        at(frame, left, bottom, colour) * (1 - across) + at(frame, right, bottom, colour) * across;
    return above + (below - above) * (row - top);
  }

  private static int at(RgbFrame frame, int x, int y, int colour) {
    return frame.rgb()[3 * (y * frame.width() + x) + colour] & 0xff;
  }

  private static double difference(byte[] a, byte[] b) {
    long sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.abs((a[i] & 0xff) - (b[i] & 0xff));
    }
    return (double) sum / a.length;
  }
}
