// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Function;
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
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> shapes.put(name, tensor.shape()));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(header(shapes, name -> tensors.get(name).type()).start());
    for (WeightTensor tensor : tensors.values()) {
      out.write(tensor.data().toArray(ValueLayout.JAVA_BYTE));
    }
    Files.write(file, out.toByteArray());
  }

  /**
   * What a safetensors file consists of.
   *
   * @param start its first bytes: the header and its length
   * @param dataBytes bytes of all tensors, which follow
   */
  record Header(byte[] start, long dataBytes) {}

  /** The header of a file with tensors in the order of the map. */
  static Header header(Map<String, List<Long>> shapes, Function<String, TensorType> types) {
    ObjectNode header = new ObjectMapper().createObjectNode();
    long at = 0;
    for (Map.Entry<String, List<Long>> entry : shapes.entrySet()) {
      TensorType type = types.apply(entry.getKey());
      long elements = entry.getValue().stream().reduce(1L, Math::multiplyExact);
      ObjectNode node = header.putObject(entry.getKey());
      node.put("dtype", type.name());
      entry.getValue().forEach(node.putArray("shape")::add);
      node.putArray("data_offsets").add(at).add(at += elements * type.bits() / Byte.SIZE);
    }
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    ByteBuffer start = ByteBuffer.allocate(Long.BYTES + json.length).order(ByteOrder.LITTLE_ENDIAN);
    return new Header(start.putLong(json.length).put(json).array(), at);
  }

  /**
   * Writes a large file of one type, piece by piece, with random numbers that are none of them
   * infinite: the highest bit of the exponent is never set.
   */
  public static void writeRandom(
      Path file, Map<String, List<Long>> shapes, TensorType type, SplittableRandom random)
      throws IOException {
    Header header = header(shapes, name -> type);
    int bytes = type.bits() / Byte.SIZE;
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
      out.write(header.start());
      byte[] piece = new byte[1 << 16];
      for (long at = 0; at < header.dataBytes(); at += piece.length) {
        random.nextBytes(piece);
        for (int i = bytes - 1; i < piece.length; i += bytes) {
          piece[i] &= (byte) 0xBF;
        }
        out.write(piece, 0, (int) Math.min(piece.length, header.dataBytes() - at));
      }
    }
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

  /**
   * Copies a component's weights to shards with an index, under other names.
   *
   * @param stem of the files' names
   */
  public static void writeShards(
      Path from, Path folder, String stem, UnaryOperator<String> names, int shards)
      throws IOException {
    ObjectNode index = new ObjectMapper().createObjectNode();
    List<Map<String, WeightTensor>> parts = new ArrayList<>();
    for (int shard = 0; shard < shards; shard++) {
      parts.add(new TreeMap<>());
    }
    try (Arena arena = Arena.ofConfined()) {
      int next = 0;
      for (WeightTensor tensor : WeightFolder.of(from).read(arena).values()) {
        int shard = next++ % shards;
        String name = names.apply(tensor.name());
        parts.get(shard).put(name, tensor);
        index.withObject("/weight_map").put(name, shardName(stem, shard, shards));
      }
      for (int shard = 0; shard < shards; shard++) {
        write(folder.resolve(shardName(stem, shard, shards)), parts.get(shard));
      }
    }
    Files.writeString(folder.resolve(stem + ".safetensors.index.json"), index.toString());
  }

  private static String shardName(String stem, int shard, int shards) {
    return String.format(Locale.ROOT, "%s-%05d-of-%05d.safetensors", stem, shard + 1, shards);
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

  /** Replaces a tensor of a file by several, each with as many of its rows. */
  public static void splitRows(Path file, String whole, List<String> names) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Map<String, WeightTensor> tensors = WeightFolder.of(file).read(arena);
      WeightTensor tensor = tensors.remove(whole);
      for (int part = 0; part < names.size(); part++) {
        tensors.put(names.get(part), tensor.rows(names.get(part), part, names.size()));
      }
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
