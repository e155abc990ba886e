// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.lvsa.toolkit.tensor.TensorType;
import org.lvsa.toolkit.weights.WeightTensor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A convolution over frames, rows and pixels, with a bias. One over rows and pixels alone is the
 * case of a kernel of one frame.
 *
 * <p>oneDNN computes it where its native code is there, on all processors; elsewhere the toolkit
 * gathers each result's inputs and multiplies matrices, which a line of the log says once. A
 * convolution may be used by one thread at a time.
 */
public final class Conv3d implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Conv3d.class);

  private final ConvGeometry geometry;
  private final ConvKernel kernel;

  /**
   * A convolution with a model's weights. They are brought into the form that is fastest when the
   * convolution first runs, and must stay valid until it is closed.
   *
   * @param weight {@code [out, in, kernelFrames, kernelHeight, kernelWidth]} row-major; axes of one
   *     may be missing
   * @param bias one per channel of the result
   */
  public Conv3d(ConvGeometry geometry, WeightTensor weight, float[] bias) {
    this(geometry, weight, bias, Choice.ONE_DNN);
  }

  /** As {@link #Conv3d(ConvGeometry, WeightTensor, float[])}, with weights from an array. */
  Conv3d(ConvGeometry geometry, float[] weight, float[] bias) {
    this(geometry, weight, bias, Choice.ONE_DNN);
  }

  Conv3d(ConvGeometry geometry, float[] weight, float[] bias, boolean oneDnn) {
    this(
        geometry,
        new WeightTensor(
            "weight", TensorType.F32, List.of((long) weight.length), MemorySegment.ofArray(weight)),
        bias,
        oneDnn);
  }

  private Conv3d(ConvGeometry geometry, WeightTensor weight, float[] bias, boolean oneDnn) {
    if (weight.elements() != geometry.weights() || bias.length != geometry.out()) {
      throw new IllegalArgumentException(
          geometry
              + " needs "
              + geometry.weights()
              + " weights and "
              + geometry.out()
              + " biases, got "
              + weight.elements()
              + " and "
              + bias.length);
    }
    this.geometry = geometry;
    this.kernel =
        oneDnn
            ? new OneDnnConv(geometry, weight, bias)
            : new GemmConv(geometry, weight.floats(), bias);
  }

  /** What the convolution does. */
  public ConvGeometry geometry() {
    return geometry;
  }

  /** The name of what computes convolutions in this process: {@code oneDNN} or {@code GEMM}. */
  public static String library() {
    return Choice.ONE_DNN ? "oneDNN" : "GEMM";
  }

  /**
   * Computes the convolution.
   *
   * @param in the frames, those kept of earlier stretches included
   * @param zeroFrames frames of zeros in front of them
   * @param out where the result goes; must have the size of the result and share no memory with
   *     {@code in}
   * @param add whether the result is added to what is in {@code out}
   */
  public void apply(Volume in, int zeroFrames, Volume out, boolean add) {
    if (in.channels() != geometry.in()
        || out.channels() != geometry.out()
        || zeroFrames < 0
        || in.frames() + zeroFrames < geometry.kernelFrames()
        || out.frames() != geometry.framesOut(in.frames(), zeroFrames)
        || out.height() != geometry.heightOut(in.height())
        || out.width() != geometry.widthOut(in.width())) {
      throw new IllegalArgumentException(
          geometry
              + " does not lead from "
              + size(in)
              + " and "
              + zeroFrames
              + " frames of zeros to "
              + size(out));
    }
    kernel.run(in, zeroFrames, out, add);
  }

  private static String size(Volume volume) {
    return volume.frames() + "x" + volume.height() + "x" + volume.width() + "x" + volume.channels();
  }

  @Override
  public void close() {
    kernel.close();
  }

  /** Decided once, when the first convolution is made. */
  private static final class Choice {
    static final boolean ONE_DNN = OneDnnConv.isAvailable();

    static {
      if (!ONE_DNN) {
        LOG.info(
            "oneDNN has no native code here: convolutions are computed by matrix products, slower");
      }
    }
  }
}
