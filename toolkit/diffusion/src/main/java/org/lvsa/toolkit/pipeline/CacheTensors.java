// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.cache.CacheState;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.Safetensors.FloatTensor;
import org.lvsa.toolkit.tensor.TensorInfo;

/**
 * The state of a step cache in a safetensors file: tensors under {@code cache.NAME}, numbers and
 * texts as JSON in the metadata.
 */
final class CacheTensors {
  /** What the tensors' names begin with. */
  static final String PREFIX = "cache.";

  private static final String NUMBERS = "cacheNumbers";
  private static final String TEXTS = "cacheTexts";

  private CacheTensors() {}

  static void write(
      CacheState state,
      Map<String, FloatTensor> tensors,
      Map<String, String> metadata,
      Arena arena) {
    state
        .tensors()
        .forEach(
            (name, tensor) -> {
              MemorySegment memory =
                  arena.allocate((long) tensor.data().length * Float.BYTES, Float.BYTES);
              MemorySegment.copy(
                  tensor.data(), 0, memory, ValueLayout.JAVA_FLOAT, 0, tensor.data().length);
              tensors.put(
                  PREFIX + name,
                  new FloatTensor(Arrays.stream(tensor.shape()).boxed().toList(), memory));
            });
    try {
      metadata.put(NUMBERS, Json.mapper().writeValueAsString(state.numbers()));
      metadata.put(TEXTS, Json.mapper().writeValueAsString(state.texts()));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Reads a state; empty if the file holds none.
   *
   * @throws MalformedFileException if it is broken
   */
  static Optional<CacheState> read(Safetensors file, Map<String, String> metadata) {
    if (!metadata.containsKey(NUMBERS) || !metadata.containsKey(TEXTS)) {
      return Optional.empty();
    }
    Map<String, CacheState.Tensor> tensors = new TreeMap<>();
    for (String name : file.names()) {
      if (name.startsWith(PREFIX)) {
        tensors.put(name.substring(PREFIX.length()), tensor(file, name));
      }
    }
    try {
      return Optional.of(
          new CacheState(
              Json.mapper()
                  .readValue(
                      metadata.get(NUMBERS), new TypeReference<TreeMap<String, double[]>>() {}),
              tensors,
              Json.mapper()
                  .readValue(
                      metadata.get(TEXTS), new TypeReference<TreeMap<String, String>>() {})));
    } catch (JsonProcessingException e) {
      throw new MalformedFileException(file.path() + ": the step cache's state is broken", e);
    }
  }

  private static CacheState.Tensor tensor(Safetensors file, String name) {
    TensorInfo info = file.info(name);
    if (info.dtype() != DType.F32) {
      throw new MalformedFileException(
          file.path() + ": tensor " + name + " must be F32, got " + info.dtype());
    }
    float[] data = file.data(name).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    return new CacheState.Tensor(info.shape().stream().mapToLong(Long::longValue).toArray(), data);
  }
}
