// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.nio.charset.StandardCharsets;
import java.util.function.Function;
import java.util.stream.Stream;
import org.lvsa.toolkit.evaluate.frame.RgbFrame;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;
import org.lvsa.toolkit.evaluate.network.Features;
import org.lvsa.toolkit.evaluate.network.Network;
import org.lvsa.toolkit.evaluate.network.NetworkInput;

/** The networks with which the golden results were made: simple functions in their place. */
final class StandIns {
  static final String PROMPT = "A small bright disc moves over a mosaic.";

  private static final int SIDE = 224;
  private static final int CELL = 56;

  private StandIns() {}

  static Features of(SampledVideo video, String prompt) {
    return Features.NONE
        .with(Network.CLIP_IMAGE, each(video, StandIns::clip))
        .with(Network.CLIP_TEXT, new double[][] {text(prompt)})
        .with(Network.DINO, each(video, StandIns::dino))
        .with(Network.BRISQUE, each(video, f -> new double[] {100 * moments(f).deviation()}))
        .with(Network.NIQE, each(video, f -> new double[] {2 + 40 * steps(f)}))
        .with(Network.CLIP_IQA, each(video, f -> new double[] {moments(f).mean()}))
        .with(Network.AESTHETIC, each(video, f -> new double[] {Math.sqrt(moments(f).mean())}));
  }

  private static double[][] each(SampledVideo video, Function<RgbFrame, double[]> network) {
    return video.frames().stream().parallel().map(network).toArray(double[][]::new);
  }

  static double[] clip(RgbFrame frame) {
    return unit(
        Stream.of(cells(NetworkInput.CLIP.of(frame, SIDE, SIDE)))
            .mapToDouble(Moments::mean)
            .toArray());
  }

  static double[] dino(RgbFrame frame) {
    return unit(
        Stream.of(cells(NetworkInput.DINO.of(frame, SIDE, SIDE)))
            .mapToDouble(cell -> 0.01 + cell.deviation())
            .toArray());
  }

  static double[] text(String prompt) {
    byte[] utf8 = prompt.getBytes(StandardCharsets.UTF_8);
    double[] vector = new double[48];
    for (int i = 0; i < vector.length; i++) {
      for (int j = 0; j < utf8.length; j++) {
        vector[i] += ((utf8[j] & 0xff) - 96) * Math.cos(0.1 * (i + 1) * (j + 1));
      }
    }
    return unit(vector);
  }

  private record Moments(double mean, double deviation) {}

  private static Moments[] cells(float[] input) {
    Moments[] cells = new Moments[48];
    for (int cell = 0; cell < cells.length; cell++) {
      int channel = cell / 16;
      int top = cell % 16 / 4 * CELL;
      int left = cell % 4 * CELL;
      double sum = 0;
      double squares = 0;
      for (int y = top; y < top + CELL; y++) {
        for (int x = left; x < left + CELL; x++) {
          double value = input[(channel * SIDE + y) * SIDE + x];
          sum += value;
          squares += value * value;
        }
      }
      double mean = sum / (CELL * CELL);
      double variance = squares / (CELL * CELL) - mean * mean;
      cells[cell] = new Moments(mean, Math.sqrt(Math.max(0, variance)));
    }
    return cells;
  }

  private static Moments moments(RgbFrame frame) {
    double sum = 0;
    double squares = 0;
    for (byte value : frame.rgb()) {
      double share = (value & 0xff) / 255.0;
      sum += share;
      squares += share * share;
    }
    double mean = sum / frame.rgb().length;
    double variance = squares / frame.rgb().length - mean * mean;
    return new Moments(mean, Math.sqrt(Math.max(0, variance)));
  }

  private static double steps(RgbFrame frame) {
    double sum = 0;
    for (int y = 0; y < frame.height(); y++) {
      for (int x = 3; x < 3 * frame.width(); x++) {
        int at = 3 * y * frame.width() + x;
        sum += Math.abs((frame.rgb()[at] & 0xff) - (frame.rgb()[at - 3] & 0xff)) / 255.0;
      }
    }
    return sum / (3.0 * frame.height() * (frame.width() - 1));
  }

  private static double[] unit(double[] vector) {
    double squares = 0;
    for (double value : vector) {
      squares += value * value;
    }
    double length = Math.sqrt(squares);
    double[] unit = new double[vector.length];
    for (int i = 0; i < unit.length; i++) {
      unit[i] = (float) (vector[i] / length);
    }
    return unit;
  }
}
