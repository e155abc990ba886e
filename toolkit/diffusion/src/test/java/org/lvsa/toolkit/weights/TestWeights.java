// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

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
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.TensorInfo;
import org.lvsa.toolkit.tensor.TensorType;

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
      node.put("dtype", tensor.type().name());
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
    return new WeightTensor(name, TensorType.valueOf(dtype.name()), shape, data);
  }

  /** Copies a file with all values rounded to one type and stored as another. */
  public static void copy(Path from, Path to, DType rounded, DType stored) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Safetensors file = Safetensors.open(from, arena);
      Map<String, WeightTensor> tensors = new TreeMap<>();
      for (String name : file.names()) {
        TensorInfo info = file.info(name);
        WeightTensor wide = new WeightTensor(name, info.type(), info.shape(), file.data(name));
        float[] values = tensor(name, rounded, info.shape(), wide.floats()).floats();
        tensors.put(name, tensor(name, stored, info.shape(), values));
      }
      write(to, tensors);
    }
  }

  /**
   * Copies a component's weights to one file, under other names.
   *
   * @param names from those that are stored
   */
  public static void copyRenamed(Path folder, Path file, UnaryOperator<String> names)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Map<String, WeightTensor> tensors = new TreeMap<>();
      WeightFolder.of(folder)
          .read(arena)
          .forEach((name, tensor) -> tensors.put(names.apply(name), tensor));
      write(file, tensors);
    }
  }

  /** Replaces tensors of a file, all of one type, by one with the rows of all, as they are. */
  public static void stackRows(Path file, List<String> names, String whole) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Map<String, WeightTensor> tensors = WeightFolder.of(file).read(arena);
      WeightTensor first = tensors.get(names.getFirst());
      ByteArrayOutputStream rows = new ByteArrayOutputStream();
      for (String name : names) {
        rows.write(tensors.remove(name).data().toArray(ValueLayout.JAVA_BYTE));
      }
      List<Long> shape = new ArrayList<>(first.shape());
      shape.set(0, shape.getFirst() * names.size());
      tensors.put(
          whole,
          new WeightTensor(whole, first.type(), shape, MemorySegment.ofArray(rows.toByteArray())));
      write(file, tensors);
    }
  }

  /** Gives a tensor of a file another name, and its second half of rows first. */
  public static void swapHalves(Path file, String name, String swapped) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Map<String, WeightTensor> tensors = WeightFolder.of(file).read(arena);
      WeightTensor tensor = tensors.remove(name);
      float[] values = tensor.floats();
      float[] turned = new float[values.length];
      for (int i = 0; i < values.length; i++) {
        turned[i] = values[(i + values.length / 2) % values.length];
      }
      tensors.put(swapped, tensor(swapped, DType.F32, tensor.shape(), turned));
      write(file, tensors);
    }
  }

  /** That two places hold the same tensors for a model that reads both by one table. */
  public static void assertSame(Path folder, Path file, Renaming names) {
    try (Weights expected = Weights.open(folder, names);
        Weights renamed = Weights.open(file, names)) {
      assertEquals(expected.names(), renamed.names());
      for (String name : expected.names()) {
        assertEquals(expected.get(name).shape(), renamed.get(name).shape(), name);
        assertArrayEquals(expected.floats(name), renamed.floats(name), name);
      }
    }
  }
}
