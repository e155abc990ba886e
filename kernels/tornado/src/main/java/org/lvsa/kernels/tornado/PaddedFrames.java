// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.HalfFloat;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Kernels that bring what a convolution sees to where {@link ImplicitConvKernels} read it: {@code
 * [lead + frames, rows + 2 border, columns + 2 border, channels]} in fp16, with the frames that the
 * convolution kept in front and zeros around. For {@code state} see {@link DecoderState}.
 */
final class PaddedFrames {
  private PaddedFrames() {}

  /**
   * Puts frames inside of the border. A thread writes two channels.
   *
   * @param x {@code [frames, rows / scale, columns / scale, channels]}
   * @param rows without the border
   * @param columns without the border
   * @param scale 2 to see each pixel of {@code x} as a square of four, else 1
   * @param lead frames in front
   * @param pairs of channels of all pixels
   */
  static void place(
      KernelContext context,
      FloatArray x,
      HalfFloatArray out,
      int rows,
      int columns,
      int channels,
      int scale,
      int lead,
      int border,
      int pairs) {
    int i = context.globalIdx;
    if (i < pairs) {
      int units = channels / 2;
      int channel = 2 * (i % units);
      int pixel = i / units;
      int column = pixel % columns;
      int row = pixel / columns % rows;
      int frame = pixel / columns / rows;
      int from =
          ((frame * (rows / scale) + row / scale) * (columns / scale) + column / scale) * channels
              + channel;
      int to =
          (((frame + lead) * (rows + 2 * border) + row + border) * (columns + 2 * border)
                      + column
                      + border)
                  * channels
              + channel;
      float first = x.get(from);
      float second = x.get(from + 1);
      out.set(to, new HalfFloat(first));
      out.set(to + 1, new HalfFloat(second));
    }
  }

  /**
   * Writes the frames in front, and the border. What stands there for pixels that there are not,
   * {@link DecoderStep.Outside} says. A thread writes a unit of two channels.
   *
   * @param kept the frames in front, with their border
   * @param zeros a unit of zeros
   * @param out the frames, whose pixels inside of the border are there already
   * @param rows with the border
   * @param columns with the border
   * @param units of a pixel
   * @param edge pixels of a frame's border
   * @param outside 0 for zeros, 1 for the first frame before it, 2 for the nearest pixel too
   */
  static void surround(
      KernelContext context,
      HalfFloatArray kept,
      HalfFloatArray zeros,
      HalfFloatArray out,
      IntArray state,
      int frames,
      int rows,
      int columns,
      int units,
      int lead,
      int edge,
      int outside) {
    int i = context.globalIdx;
    int frameUnits = rows * columns * units;
    int before = lead * frameUnits;
    int begins = state.get(0);
    // A frame is as large as its border where it has none inside.
    int border = TornadoMath.min(edge, 1);
    if (i < before && begins == 0) {
      out.setHalf2(2 * i, kept.getHalf2(2 * i));
    }
    if (i < before && begins == 1) {
      int pixel = i % frameUnits / units;
      int row = pixel / columns;
      int column = pixel % columns;
      int nearRow = TornadoMath.max(TornadoMath.min(row, rows - 1 - border), border);
      int nearColumn = TornadoMath.max(TornadoMath.min(column, columns - 1 - border), border);
      int zero = 0;
      if (outside == 0) {
        zero = 1;
      }
      if (outside == 1 && (row != nearRow || column != nearColumn)) {
        zero = 1;
      }
      int from = before + (nearRow * columns + nearColumn) * units + i % units;
      if (zero == 1) {
        out.setHalf2(2 * i, zeros.getHalf2(0));
      } else {
        out.setHalf2(2 * i, out.getHalf2(2 * from));
      }
    }
    int j = i - before;
    if (j >= 0 && j < frames * edge * units) {
      int each = TornadoMath.max(edge, 1);
      int unit = j % units;
      int place = j / units % each;
      int frame = j / units / each;
      int row = 0;
      int column = place;
      if (place >= columns) {
        row = rows - 1;
        column = place - columns;
      }
      if (place >= 2 * columns) {
        row = 1 + (place - 2 * columns) / 2;
        column = place % 2 * (columns - 1);
      }
      int nearRow = TornadoMath.max(TornadoMath.min(row, rows - 2), 1);
      int nearColumn = TornadoMath.max(TornadoMath.min(column, columns - 2), 1);
      int first = (lead + frame) * rows;
      int to = ((first + row) * columns + column) * units + unit;
      int from = ((first + nearRow) * columns + nearColumn) * units + unit;
      if (outside == 2) {
        out.setHalf2(2 * to, out.getHalf2(2 * from));
      } else {
        out.setHalf2(2 * to, zeros.getHalf2(0));
      }
    }
  }

  /**
   * Keeps the last two frames, with their border, for the next latent frame. A thread moves a unit
   * of two channels.
   *
   * @param seen with two frames in front
   * @param counted where {@code state} has the number of frames behind those that count
   * @param frameUnits of a frame with its border
   * @param doubles 1 where the convolution doubles frames, which it does not for a video's first
   *     latent frame and so keeps the zeros in front; else 0
   */
  static void keep(
      KernelContext context,
      HalfFloatArray seen,
      HalfFloatArray kept,
      IntArray state,
      int counted,
      int frameUnits,
      int doubles) {
    int i = context.globalIdx;
    if (i < 2 * frameUnits) {
      int first = state.get(counted);
      if (state.get(0) == 1 && doubles == 1) {
        first = 0;
      }
      int from = first * frameUnits + i;
      kept.setHalf2(2 * i, seen.getHalf2(2 * from));
    }
  }
}
