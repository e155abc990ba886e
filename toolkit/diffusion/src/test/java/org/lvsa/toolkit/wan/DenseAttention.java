// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.Map;
import org.lvsa.toolkit.attention.BackendProcessor;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.GenerationOptions;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.config.TestConfig;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Dense attention by the toolkit's fastest backend here. */
final class DenseAttention implements VideoSelfAttention, AutoCloseable {
  private final Generation generation;
  private final VideoSelfAttention attention;

  DenseAttention() {
    generation =
        new Generation(
            GenerationOptions.of(TestConfig.of(Map.of("LVSA_BACKEND", "vector"))), LineLog.none());
    attention = new ProcessorAttention(generation, new BackendProcessor("none"));
  }

  @Override
  public INDArray attend(int layer, INDArray query, INDArray key, INDArray value, VideoGrid grid) {
    return attention.attend(layer, query, key, value, grid);
  }

  @Override
  public void close() {
    generation.close();
  }
}
