// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.List;
import java.util.Optional;

/**
 * What the transformer is told of a sample.
 *
 * @param texts what the video shows, one for each element of the batch
 * @param picture what the video begins with; empty for text alone
 * @param padding whether the texts' padding attends too, as in the published code with sparse
 *     attention; else it is left out, which is what the published mask comes to
 */
record Conditions(List<TextEmbeddings> texts, Optional<PictureCondition> picture, boolean padding) {
  /** One text alone. */
  Conditions(TextEmbeddings text, boolean padding) {
    this(List.of(text), Optional.empty(), padding);
  }
}
