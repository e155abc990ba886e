// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Shows a listener query, key and value of each self-attention before another attention runs, to
 * save a model's real activations. Who drives the denoising tells step and branch by making one of
 * these for each forward pass.
 *
 * @param attention that runs
 * @param step of the denoising, from 0
 * @param branch of the guidance: {@code cond}, {@code uncond}, or {@code both} for a joint batch
 * @param listener is shown each call
 */
public record CapturingAttention(
    VideoSelfAttention attention, int step, String branch, Listener listener)
    implements VideoSelfAttention {
  /** Is shown the inputs of a self-attention. */
  @FunctionalInterface
  public interface Listener {
    /**
     * Is shown one call. The tensors are valid only during the call.
     *
     * @param call where in the generation it happens
     * @param query {@code [batch, tokens, heads, headDim]}, after norm and rotary embedding
     * @param key as query
     * @param value as query
     */
    void captured(Call call, INDArray query, INDArray key, INDArray value);
  }

  /**
   * Where in a generation a self-attention happens.
   *
   * @param layer the block, from 0
   * @param step of the denoising, from 0
   * @param branch of the guidance
   * @param grid how the tokens lie
   */
  public record Call(int layer, int step, String branch, VideoGrid grid) {}

  @Override
  public INDArray attend(int layer, INDArray query, INDArray key, INDArray value, VideoGrid grid) {
    listener.captured(new Call(layer, step, branch, grid), query, key, value);
    return attention.attend(layer, query, key, value, grid);
  }
}
