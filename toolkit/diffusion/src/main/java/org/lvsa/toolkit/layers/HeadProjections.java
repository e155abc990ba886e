// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The layers that make query, key and value of tokens: each rank makes those of its own heads.
 *
 * @param query gives the features of this rank's heads
 * @param key as query
 * @param value as query
 * @param heads of this rank
 */
public record HeadProjections(Linear query, Linear key, Linear value, int heads) {

  /**
   * How the layers' tensors are called, without {@code .weight} and {@code .bias}.
   *
   * @param bias whether they have a bias
   */
  public record Names(String query, String key, String value, boolean bias) {
    /** The published names of most models. */
    public static Names of(String prefix, boolean bias) {
      return new Names(prefix + "to_q", prefix + "to_k", prefix + "to_v", bias);
    }
  }

  /**
   * The layers of an attention.
   *
   * @param heads of all ranks together, which divide among them
   */
  public static HeadProjections of(WeightShare share, Weights weights, Names names, int heads) {
    return new HeadProjections(
        share.giving(weights, names.query(), names.bias()),
        share.giving(weights, names.key(), names.bias()),
        share.giving(weights, names.value(), names.bias()),
        share.of(heads));
  }

  /**
   * Queries of tokens.
   *
   * @param x {@code [batch, tokens, width]}
   * @return {@code [batch, tokens, heads, headDim]}, a new tensor
   */
  public INDArray query(INDArray x) {
    return headed(query, x, heads);
  }

  /** Keys of tokens, as {@link #query(INDArray)}. */
  public INDArray key(INDArray x) {
    return headed(key, x, heads);
  }

  /** Values of tokens, as {@link #query(INDArray)}. */
  public INDArray value(INDArray x) {
    return headed(value, x, heads);
  }

  /**
   * What a layer gives, as heads.
   *
   * @param x {@code [batch, tokens, width]}
   * @return {@code [batch, tokens, heads, headDim]}, a new tensor
   */
  public static INDArray headed(Linear layer, INDArray x, int heads) {
    return layer.apply(x, new long[] {x.size(0), x.size(1), heads, layer.out() / heads});
  }
}
