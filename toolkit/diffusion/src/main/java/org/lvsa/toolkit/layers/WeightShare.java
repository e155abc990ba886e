// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.lvsa.toolkit.parallel.Collectives;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.weights.Renaming;
import org.lvsa.toolkit.weights.WeightTensor;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * One rank's share of the layers whose weights several ranks divide (tensor parallelism, Shoeybi et
 * al. 2019, arXiv 1909.08053). A model makes its layers with it, so that one code serves one rank
 * and several.
 *
 * <p>Layers come in pairs. The first gives each rank some of the features ({@link #giving}), whole
 * heads of an attention, say; what lies between works on features or heads one by one; the second
 * takes these features and adds the ranks' results ({@link #taking}).
 *
 * @param ranks those that divide the weights
 */
public record WeightShare(Communicator ranks) {
  /** All of every layer. */
  public static final WeightShare WHOLE = new WeightShare(Communicator.alone());

  /**
   * Checks that a model's layers divide.
   *
   * @param heads of its attention
   * @param feedForward features inside its feed-forward parts
   * @throws IllegalArgumentException naming the number that does not divide, and numbers of ranks
   *     that both divide by
   */
  public static void check(int heads, int feedForward, int ranks) {
    check("heads", heads, heads, feedForward, ranks);
    check("features of the feed-forward parts", feedForward, heads, feedForward, ranks);
  }

  private static void check(String what, int size, int heads, int feedForward, int ranks) {
    if (size % ranks != 0) {
      throw new IllegalArgumentException(
          what
              + " must be a multiple of --tensor-parallel-size ("
              + ranks
              + "), got "
              + size
              + ": try one of "
              + IntStream.rangeClosed(1, heads)
                  .filter(n -> heads % n == 0 && feedForward % n == 0)
                  .boxed()
                  .toList());
    }
  }

  /** This rank's number of something that divides, such as heads. */
  public int of(int all) {
    return all / ranks.world();
  }

  /** This rank's part of a vector with an element per feature. */
  public float[] of(float[] all) {
    int part = of(all.length);
    return Arrays.copyOfRange(all, ranks.rank() * part, (ranks.rank() + 1) * part);
  }

  /** The layer of the tensors {@code name.weight} and {@code name.bias}: this rank's features. */
  public Linear giving(Weights weights, String name) {
    return giving(weights.get(name + ".weight"), Optional.of(weights.floats(name + ".bias")));
  }

  /**
   * The layer of the stacked tensors {@code name.weight} and {@code name.bias}: of each part this
   * rank's features, whole heads of query, key and value, say.
   *
   * @param table that has the names of the parts
   * @param bias whether there is a bias
   */
  public StackedLinear stacked(Weights weights, Renaming table, String name, boolean bias) {
    List<String> matrices = table.parts(name + ".weight");
    List<String> biases = bias ? table.parts(name + ".bias") : List.of();
    return new StackedLinear(
        IntStream.range(0, matrices.size())
            .mapToObj(
                part ->
                    giving(
                        weights.get(matrices.get(part)),
                        biases.stream().skip(part).findFirst().map(weights::floats)))
            .toList());
  }

  private Linear giving(WeightTensor weight, Optional<float[]> bias) {
    return new Linear(weight.rows(weight.name(), ranks.rank(), ranks.world()), bias.map(this::of));
  }

  /**
   * The layer of the tensors {@code name.weight} and {@code name.bias}, applied to this rank's
   * features: every rank gets the sum over all, with the bias once. Every rank has to apply it.
   */
  public Linear taking(Weights weights, String name) {
    return new Linear(
        weights.get(name + ".weight"), Optional.of(weights.floats(name + ".bias")), ranks);
  }

  /**
   * Root mean square normalisation over the features of all ranks, in place. Every rank has to call
   * it.
   *
   * @param x this rank's features of each token
   * @param weight for each of these features
   */
  public void rmsNormInPlace(INDArray x, float[] weight, double eps) {
    if (ranks.world() == 1) {
      Norms.rmsNormInPlace(x, weight, eps);
      return;
    }
    Matrix rows = Matrix.of(x, weight.length);
    float[] mine = new float[rows.rows()];
    Rows.map(rows, rows, (index, row) -> mine[index] = Floats.squares(row, 0));
    float[] sums = new Collectives(ranks).allReduce(mine, Collectives.Reduction.SUM);
    int all = weight.length * ranks.world();
    Rows.map(
        rows,
        rows,
        (index, row) -> {
          Floats.multiply(row, (float) (1 / Math.sqrt(sums[index] / all + eps)));
          Floats.multiply(row, weight);
        });
  }
}
