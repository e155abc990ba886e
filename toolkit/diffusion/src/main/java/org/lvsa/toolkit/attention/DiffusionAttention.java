// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.List;
import java.util.ServiceLoader;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * An implementation of attention that a model's block can call, chosen by name. Implementations are
 * found with {@link ServiceLoader}.
 */
public interface DiffusionAttention {
  /** The name that the setting {@code DIFFUSION_ATTENTION_BACKEND} chooses it by. */
  String name();

  /**
   * Computes the attention of one block.
   *
   * @param generation the video being made
   * @param layer which block calls; the same object in every step
   * @param query {@code [batch, tokens, heads, headDim]}, float32
   * @param key {@code [batch, keyTokens, kvHeads, headDim]}, float32
   * @param value as key
   * @return {@code [batch, tokens, heads, headDim]}, float32
   */
  INDArray attend(
      Generation generation, Object layer, INDArray query, INDArray key, INDArray value);

  /**
   * The attention that a generation's settings give to a role.
   *
   * @param role {@code self} for self-attention, {@code cross} for text seen by the video
   * @throws IllegalArgumentException if there is none of that name
   */
  static DiffusionAttention ofRole(Generation generation, String role) {
    return generation.attention(role);
  }

  /**
   * The attention with a name.
   *
   * @param name as {@link #name} gives it
   * @param role for which it is chosen; named in the message
   * @throws IllegalArgumentException if there is none, listing those that exist
   */
  static DiffusionAttention named(String name, String role) {
    List<DiffusionAttention> all =
        ServiceLoader.load(DiffusionAttention.class).stream()
            .map(ServiceLoader.Provider::get)
            .toList();
    return all.stream()
        .filter(attention -> attention.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "DIFFUSION_ATTENTION_BACKEND must be one of "
                        + String.join(
                            ", ", all.stream().map(DiffusionAttention::name).sorted().toList())
                        + " for the role "
                        + role
                        + ", got "
                        + name));
  }
}
