// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.Optional;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The result of self-attention for video and text.
 *
 * @param video {@code [batch, videoTokens, heads, headDim]}
 * @param text {@code [batch, textTokens, heads, headDim]}; empty if no text took part
 */
public record Attended(INDArray video, Optional<INDArray> text) {

  /**
   * Splits a joint result: the first tokens are video, the rest is text. The joint tensor is the
   * video's, or is freed.
   */
  static Attended split(INDArray joint, long videoTokens) {
    if (joint.size(1) == videoTokens) {
      return new Attended(joint, Optional.empty());
    }
    try (joint) {
      return new Attended(
          NdMemory.tokens(joint, 0, videoTokens),
          Optional.of(NdMemory.tokens(joint, videoTokens, joint.size(1))));
    }
  }
}
