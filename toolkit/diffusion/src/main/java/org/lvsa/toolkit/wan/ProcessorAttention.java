// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.Optional;
import org.lvsa.toolkit.attention.AttentionProcessor;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.Qkv;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The toolkit's attention, dense or LVSA on any backend, as the transformer calls it.
 *
 * @param generation the video being made: its backend, pattern and steps
 * @param processor what each block calls
 */
public record ProcessorAttention(Generation generation, AttentionProcessor processor)
    implements VideoSelfAttention {
  @Override
  public INDArray attend(int layer, INDArray query, INDArray key, INDArray value, VideoGrid grid) {
    Qkv video = new Qkv(query, key, value);
    return processor.attend(generation, layer, video, Optional.empty()).video();
  }
}
