// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.Map;
import java.util.Optional;
import org.lvsa.toolkit.attention.Attended;
import org.lvsa.toolkit.attention.BackendProcessor;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.GenerationOptions;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.ProcessorAttention;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.config.TestConfig;

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
  public Attended attend(int layer, VideoGrid grid, Qkv video, Optional<Qkv> text) {
    return attention.attend(layer, grid, video, text);
  }

  @Override
  public void close() {
    generation.close();
  }
}
