// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * What self-attention gives.
 *
 * @param video {@code [batch, videoTokens, heads, headDim]}
 * @param text {@code [batch, textTokens, heads, headDim]}; empty if no text took part
 */
public record Attended(INDArray video, Optional<INDArray> text) {

  /** Takes a joint result apart: the first tokens are video, the rest is text. */
  static Attended split(INDArray joint, long videoTokens) {
    if (joint.size(1) == videoTokens) {
      return new Attended(joint, Optional.empty());
    }
    return new Attended(
        tokens(joint, 0, videoTokens), Optional.of(tokens(joint, videoTokens, joint.size(1))));
  }

  private static INDArray tokens(INDArray joint, long first, long end) {
    return joint
        .get(
            NDArrayIndex.all(),
            NDArrayIndex.interval(first, end),
            NDArrayIndex.all(),
            NDArrayIndex.all())
        .dup('c');
  }
}
