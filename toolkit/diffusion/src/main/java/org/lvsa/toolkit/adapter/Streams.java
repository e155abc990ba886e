// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What goes through a model's blocks.
 *
 * @param video this rank's video tokens, {@code [tokens, width]}
 * @param encoder the encoder's tokens, whole on every rank: text, for some models after an image's
 */
public record Streams(INDArray video, INDArray encoder) {

  /**
   * What a block's attention adds.
   *
   * @param video to each video token
   * @param encoder to each encoder token; empty where the model leaves them as they are
   */
  public record Change(INDArray video, Optional<INDArray> encoder) {}

  /** The residual sum. */
  public Streams plus(Change change) {
    return new Streams(
        video.add(change.video()), change.encoder().map(encoder::add).orElse(encoder));
  }
}
