// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import org.lvsa.toolkit.layers.Matrix;
import org.lvsa.toolkit.layers.Rows;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.parallel.TokenRange;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The turns of a rotary embedding along each axis of a grid, ready to be applied to tokens. */
public final class RotaryTable {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;

  /** Swaps the two elements of each pair. */
  private static final VectorShuffle<Float> SWAP = VectorShuffle.fromOp(SPECIES, lane -> lane ^ 1);

  private final VideoGrid grid;
  private final TokenRange range;
  private final int headDim;

  /** For each axis and position, the head's cosines, elements of the other axes being 0. */
  private final float[][][] cosines;

  /** The sines, negative for the first element of each pair. */
  private final float[][][] sines;

  /** Whole numbers from 0 as positions along each axis. */
  public RotaryTable(RotaryEmbedding rotary, VideoGrid grid) {
    this(
        grid,
        List.of(
            alongAxis(grid.frames(), position -> rotary.along(0, position)),
            alongAxis(grid.patches().rows(), position -> rotary.along(1, position)),
            alongAxis(grid.patches().columns(), position -> rotary.along(2, position))));
  }

  /**
   * Turns of any kind.
   *
   * @param grid how the tokens lie
   * @param turns for frames, rows and columns, for each place along the axis: cosine and sine of
   *     each pair of the head's elements that the axis turns
   */
  public RotaryTable(VideoGrid grid, List<float[][]> turns) {
    this.grid = grid;
    range = new TokenRange(0, grid.tokens(), grid.tokens());
    headDim = turns.stream().mapToInt(axis -> axis[0].length).sum();
    cosines = new float[turns.size()][][];
    sines = new float[turns.size()][][];
    int first = 0;
    for (int axis = 0; axis < turns.size(); axis++) {
      float[][] places = turns.get(axis);
      cosines[axis] = new float[places.length][headDim];
      sines[axis] = new float[places.length][headDim];
      for (int place = 0; place < places.length; place++) {
        for (int i = 0; i < places[place].length; i += 2) {
          cosines[axis][place][first + i] = places[place][i];
          cosines[axis][place][first + i + 1] = places[place][i];
          sines[axis][place][first + i] = -places[place][i + 1];
          sines[axis][place][first + i + 1] = places[place][i + 1];
        }
      }
      first += places[0].length;
    }
  }

  private RotaryTable(RotaryTable whole, TokenRange range) {
    grid = whole.grid;
    headDim = whole.headDim;
    cosines = whole.cosines;
    sines = whole.sines;
    this.range = range;
  }

  /** The same positions for one rank's tokens. */
  public RotaryTable part(TokenRange tokens) {
    return new RotaryTable(this, tokens);
  }

  private static float[][] alongAxis(int places, IntFunction<float[]> turns) {
    return IntStream.range(0, places).mapToObj(turns).toArray(float[][]::new);
  }

  /** How the tokens of the whole video lie. */
  public VideoGrid grid() {
    return grid;
  }

  /** Turns every head of {@code [batch, tokens, heads, headDim]}, in place. */
  public void rotate(INDArray x) {
    Matrix tokens = Matrix.of(x, Math.toIntExact(x.size(2) * x.size(3)));
    Rows.map(
        tokens,
        tokens,
        (index, row) -> {
          int token = range.token(index % range.count());
          float[] cosine = at(cosines, token);
          float[] sine = at(sines, token);
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
