// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The tokens that go through a model's blocks.
 *
 * @param video this rank's video tokens, {@code [tokens, width]}
 * @param encoder all encoder tokens, the same on every rank: text, for some models after an image
 */
public record Streams(INDArray video, INDArray encoder) {

  /**
   * What the attention of a block adds to the tokens.
   *
   * @param video added to the video tokens
   * @param encoder added to the encoder tokens; empty where the model does not change them
   */
  public record Change(INDArray video, Optional<INDArray> encoder) {}

  /** The tokens with a change added. */
  public Streams plus(Change change) {
    return new Streams(
        video.add(change.video()), change.encoder().map(encoder::add).orElse(encoder));
  }
}
