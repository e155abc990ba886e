// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.TensorInfo;

/** Writes weights for tests: what the product only reads. */
public final class TestWeights {
  private TestWeights() {}

  /** A safetensors file of any type, with its tensors in the order of the map. */
  public static void write(Path file, Map<String, WeightTensor> tensors) throws IOException {
    ObjectNode header = new ObjectMapper().createObjectNode();
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    for (Map.Entry<String, WeightTensor> entry : tensors.entrySet()) {
      WeightTensor tensor = entry.getValue();
      ObjectNode node = header.putObject(entry.getKey());
      node.put("dtype", tensor.dtype().name());
      tensor.shape().forEach(node.putArray("shape")::add);
      node.putArray("data_offsets").add(data.size()).add(data.size() + tensor.data().byteSize());
      data.write(tensor.data().toArray(ValueLayout.JAVA_BYTE));
    }
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(
        ByteBuffer.allocate(Long.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(json.length)
            .array());
    out.write(json);
    data.writeTo(out);
    Files.write(file, out.toByteArray());
  }

  /** A tensor of those values. */
  public static WeightTensor tensor(String name, DType dtype, List<Long> shape, float[] values) {
    MemorySegment data = Arena.ofAuto().allocate((long) values.length * dtype.bytes(), 8);
    for (int i = 0; i < values.length; i++) {
      dtype.set(data, i, values[i]);
    }
    return new WeightTensor(name, dtype, shape, data);
  }

  /** Copies a file with all values rounded to one type and stored as another. */
  public static void copy(Path from, Path to, DType rounded, DType stored) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Safetensors file = Safetensors.open(from, arena);
      Map<String, WeightTensor> tensors = new TreeMap<>();
      for (String name : file.names()) {
        TensorInfo info = file.info(name);
        WeightTensor wide = new WeightTensor(name, info.dtype(), info.shape(), file.data(name));
        float[] values = tensor(name, rounded, info.shape(), wide.floats()).floats();
        tensors.put(name, tensor(name, stored, info.shape(), values));
      }
      write(to, tensors);
    }
  }
}
