// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import java.lang.foreign.MemorySegment;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * How a square picture is cut into square patches, each of which becomes a token. What is left at
 * the right and at the bottom, where sides do not divide, is not seen.
 *
 * @param side pixels on each side of the picture
 * @param patch pixels on each side of a patch
 */
public record PicturePatches(int side, int patch) {
  /** Number of patches. */
  public int count() {
    return side / patch * (side / patch);
  }

  /**
   * The values of each patch: colour by colour, in each row by row.
   *
   * @param pixels {@code [3, side, side]} row-major
   * @return {@code [patches, 3 · patch · patch]}, a new tensor
   * @throws IllegalArgumentException if there are other than so many pixels
   */
  INDArray gather(float[] pixels) {
    if (pixels.length != Picture.COLOURS * side * side) {
      throw new IllegalArgumentException(
          "the image encoder takes "
              + side
              + "x"
              + side
              + " pixels, got "
              + pixels.length / Picture.COLOURS);
    }
    int grid = side / patch;
    float[] out = new float[count() * Picture.COLOURS * patch * patch];
    int at = 0;
    for (int token = 0; token < count(); token++) {
      for (int colour = 0; colour < Picture.COLOURS; colour++) {
        for (int y = 0; y < patch; y++) {
          int row = token / grid * patch + y;
          int from = (colour * side + row) * side + token % grid * patch;
          System.arraycopy(pixels, from, out, at, patch);
          at += patch;
        }
      }
    }
    return NdMemory.copy(MemorySegment.ofArray(out), count(), out.length / count());
  }
}
