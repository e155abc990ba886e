// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.network;

import java.nio.file.Path;
import java.util.List;
import org.lvsa.toolkit.evaluate.frame.RgbFrame;
import org.lvsa.toolkit.io.MalformedFileException;

/** A network in an ONNX file that makes a vector of each picture, such as CLIP's or DINOv2. */
final class FrameEncoder implements AutoCloseable {
  private static final int USUAL_SIDE = 224;

  /** Pictures that are encoded at a time, as by the published tool. */
  private static final int BATCH = 16;

  private final OnnxModel model;
  private final NetworkInput form;
  private final String input;
  private final int width;
  private final int height;
  private final int batch;

  private FrameEncoder(
      OnnxModel model, NetworkInput form, String input, int width, int height, int batch) {
    this.model = model;
    this.form = form;
    this.input = input;
    this.width = width;
    this.height = height;
    this.batch = batch;
  }

  /**
   * Opens a file.
   *
   * @param form what the network expects
   * @throws MalformedFileException if its one input is not {@code [batch, 3, height, width]}
   */
  static FrameEncoder open(Path file, NetworkInput form, OnnxDevice device) {
    OnnxModel model = OnnxModel.open(file, device);
    try {
      if (model.inputs().size() != 1) {
        throw new MalformedFileException(
            file
                + ": one input was expected, the pictures, but it has "
                + String.join(", ", model.inputs()));
      }
      String input = model.inputs().iterator().next();
      long[] shape = model.shape(input);
      if (shape.length != 4 || shape[1] != 3 && shape[1] != -1) {
        throw new MalformedFileException(
            file
                + ": its input "
                + input
                + " must be [batch, 3, height, width], it is "
                + java.util.Arrays.toString(shape));
      }
      return new FrameEncoder(
          model,
          form,
          input,
          shape[3] > 0 ? (int) shape[3] : USUAL_SIDE,
          shape[2] > 0 ? (int) shape[2] : USUAL_SIDE,
          shape[0] > 0 ? (int) shape[0] : BATCH);
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
  }

  /** A vector of length 1 per frame. */
  double[][] encode(List<RgbFrame> frames) {
    double[][] vectors = new double[frames.size()][];
    for (int from = 0; from < vectors.length; from += batch) {
      // A network of a fixed batch gets the last frame again until the batch is full.
      int count = Math.min(batch, vectors.length - from);
      int pixels = 3 * width * height;
      int rows = model.shape(input)[0] > 0 ? batch : count;
      float[] values = new float[rows * pixels];
      for (int i = 0; i < rows; i++) {
        RgbFrame frame = frames.get(Math.min(from + i, vectors.length - 1));
        System.arraycopy(form.of(frame, width, height), 0, values, i * pixels, pixels);
      }
      double[][] some = model.run(input, values, new long[] {rows, 3, height, width});
      System.arraycopy(some, 0, vectors, from, count);
    }
    return vectors;
  }

  @Override
  public void close() {
    model.close();
  }
}
