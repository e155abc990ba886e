// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.pattern.PatternSettings;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.Safetensors.FloatTensor;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Query, key and value of one self-attention as a safetensors file that {@code lvsa attend} and
 * {@code lvsa sweep} read: tensors {@code q}, {@code k}, {@code v}, float32, {@code [1, tokens,
 * heads, headDim]}, after norm and rotary embedding; metadata with the geometry and the pattern's
 * settings, every value as JSON.
 */
final class CaptureFile {
  private CaptureFile() {}

  /**
   * Writes one video's tokens.
   *
   * @param qkv video tokens and the text tokens behind them, one batch element
   * @param textTokens how many are text
   * @param pattern the settings in force; {@code step} is the one that counts for rotation
   */
  static void write(Path file, Qkv qkv, int textTokens, PatternSettings pattern) {
    Map<String, FloatTensor> tensors = new LinkedHashMap<>();
    tensors.put("q", tensor(qkv.query()));
    tensors.put("k", tensor(qkv.key()));
    tensors.put("v", tensor(qkv.value()));
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("layout", "\"[batch, tokens, heads, headDim]\"");
    metadata.put("heads", Long.toString(qkv.query().size(2)));
    metadata.put("kvHeads", Long.toString(qkv.key().size(2)));
    metadata.put("headDim", Long.toString(qkv.query().size(3)));
    metadata.put("latentFrames", Integer.toString(pattern.latentFrames()));
    metadata.put("patchesPerFrame", Integer.toString(pattern.patchesPerFrame()));
    metadata.put("textTokens", Integer.toString(textTokens));
    metadata.put("window", Integer.toString(pattern.window()));
    metadata.put("firstFrames", Integer.toString(pattern.firstFrames()));
    metadata.put("referenceFrames", Integer.toString(pattern.referenceFrames()));
    metadata.put("sparsityScale", Double.toString(pattern.sparsityScale()));
    pattern
        .keyFrameInterval()
        .ifPresent(interval -> metadata.put("keyFrameInterval", Integer.toString(interval)));
    metadata.put("step", Integer.toString(pattern.step()));
    metadata.put("rotateKeyframes", Boolean.toString(pattern.rotateKeyframes()));
    metadata.put("expandWindow", Boolean.toString(pattern.expandWindow()));
    try {
      Safetensors.write(file, tensors, metadata);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static FloatTensor tensor(INDArray one) {
    return new FloatTensor(Arrays.stream(one.shape()).boxed().toList(), NdMemory.view(one));
  }
}
