// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.List;
import java.util.ServiceLoader;
import org.nd4j.linalg.api.ndarray.INDArray;

/** An attention that a model's block can be given; found with {@link ServiceLoader}. */
public interface DiffusionAttention {
  /** What {@code DIFFUSION_ATTENTION_BACKEND} calls it. */
  String name();

  /**
   * Attention of one block.
   *
   * @param generation what is known of the video that is made
   * @param layer which block calls, the same object in every step
   * @param query {@code [batch, tokens, heads, headDim]}, float32
   * @param key {@code [batch, keyTokens, kvHeads, headDim]}
   * @param value as key
   * @return {@code [batch, tokens, heads, headDim]}
   */
  INDArray attend(
      Generation generation, Object layer, INDArray query, INDArray key, INDArray value);

  /**
   * The attention of a role under a generation's configuration.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  static DiffusionAttention ofRole(Generation generation, String role) {
    return generation.attention(role);
  }

  /**
   * The attention of that name.
   *
   * @param role that asks for it, for the message
   * @throws IllegalArgumentException if there is none
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
