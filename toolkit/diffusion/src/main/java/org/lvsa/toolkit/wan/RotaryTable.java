// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.layers.Matrix;
import org.lvsa.toolkit.layers.Rows;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The turns of a rotary embedding along each axis of a grid, ready to be applied to tokens. */
final class RotaryTable {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;

  /** Swaps the two elements of each pair. */
  private static final VectorShuffle<Float> SWAP = VectorShuffle.fromOp(SPECIES, lane -> lane ^ 1);

  private final VideoGrid grid;
  private final int headDim;

  /** For each axis and position, the head's cosines, elements of the other axes being 0. */
  private final float[][][] cosines;

  /** The sines, negative for the first element of each pair. */
  private final float[][][] sines;

  RotaryTable(RotaryEmbedding rotary, Iterable<Integer> axes, VideoGrid grid) {
    this.grid = grid;
    headDim = rotary.headDim();
    int[] sizes = {grid.frames(), grid.patches().rows(), grid.patches().columns()};
    cosines = new float[sizes.length][][];
    sines = new float[sizes.length][][];
    int axis = 0;
    int first = 0;
    for (int dim : axes) {
      cosines[axis] = new float[sizes[axis]][headDim];
      sines[axis] = new float[sizes[axis]][headDim];
      for (int position = 0; position < sizes[axis]; position++) {
        float[] turns =
            rotary.at(axis == 0 ? position : 0, axis == 1 ? position : 0, axis == 2 ? position : 0);
        for (int i = first; i < first + dim; i += 2) {
          cosines[axis][position][i] = turns[i];
          cosines[axis][position][i + 1] = turns[i];
          sines[axis][position][i] = -turns[i + 1];
          sines[axis][position][i + 1] = turns[i + 1];
        }
      }
      first += dim;
      axis++;
    }
  }

  VideoGrid grid() {
    return grid;
  }

  /** Turns every head of {@code [batch, tokens, heads, headDim]}, in place. */
  void rotate(INDArray x) {
    Matrix tokens = Matrix.of(x, Math.toIntExact(x.size(2) * x.size(3)));
    Rows.map(
        tokens,
        tokens,
        (index, row) -> {
          float[] cosine = at(cosines, index % grid.tokens());
          float[] sine = at(sines, index % grid.tokens());
          for (int head = 0; head < row.length; head += headDim) {
            turn(row, head, cosine, sine);
          }
        });
  }

  /** The values of a token's position: those of the three axes lie apart, so they add up. */
  private float[] at(float[][][] table, int token) {
    int patch = token % grid.patches().patches();
    float[] frame = table[0][token / grid.patches().patches()];
    float[] row = table[1][patch / grid.patches().columns()];
    float[] column = table[2][patch % grid.patches().columns()];
    float[] sum = new float[headDim];
    for (int i = 0; i < headDim; i++) {
      sum[i] = frame[i] + row[i] + column[i];
    }
    return sum;
  }

  private void turn(float[] row, int head, float[] cosine, float[] sine) {
    for (int i = 0; i < headDim; i += SPECIES.length()) {
      VectorMask<Float> mask = SPECIES.indexInRange(i, headDim);
      FloatVector x = FloatVector.fromArray(SPECIES, row, head + i, mask);
      FloatVector cos = FloatVector.fromArray(SPECIES, cosine, i, mask);
      FloatVector sin = FloatVector.fromArray(SPECIES, sine, i, mask);
      x.mul(cos).add(x.rearrange(SWAP).mul(sin)).intoArray(row, head + i, mask);
    }
  }
}
