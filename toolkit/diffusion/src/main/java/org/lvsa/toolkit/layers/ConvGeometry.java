// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

/**
 * What a convolution does to the frames of a {@link Volume}.
 *
 * <p>Padding is zeros. Padding in front of the first frame is not part of the geometry: it depends
 * on how many earlier frames there are, see {@link Conv3d#apply}.
 *
 * @param out channels that the convolution gives
 * @param in channels that it takes
 * @param kernelFrames extent in time
 * @param kernelHeight extent over rows
 * @param kernelWidth extent over the pixels of a row
 * @param frameStride every how many frames there is a result
 * @param stride every how many rows, and pixels of a row, there is a result
 * @param before rows of zeros above and pixels of zeros to the left
 * @param after rows of zeros below and pixels of zeros to the right
 */
public record ConvGeometry(
    int out,
    int in,
    int kernelFrames,
    int kernelHeight,
    int kernelWidth,
    int frameStride,
    int stride,
    int before,
    int after) {

  /** A convolution of an odd square kernel that keeps height and width. */
  public static ConvGeometry same(int out, int in, int kernelFrames, int kernel) {
    return new ConvGeometry(out, in, kernelFrames, kernel, kernel, 1, 1, kernel / 2, kernel / 2);
  }

  /** Frames of the result. */
  public int framesOut(int frames, int zeroFrames) {
    return (frames + zeroFrames - kernelFrames) / frameStride + 1;
  }

  /** Rows of the result. */
  public int heightOut(int height) {
    return (height + before + after - kernelHeight) / stride + 1;
  }

  /** Pixels of a row of the result. */
  public int widthOut(int width) {
    return (width + before + after - kernelWidth) / stride + 1;
  }

  /** Number of weights. */
  public long weights() {
    return (long) out * in * kernelFrames * kernelHeight * kernelWidth;
  }

  /** Multiplications and additions for a result of that many pixels. */
  public double flops(long pixelsOut) {
    return 2.0 * weights() * pixelsOut;
  }
}
