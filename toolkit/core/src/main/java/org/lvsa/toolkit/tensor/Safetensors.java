// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.tensor;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.MalformedFileException;

/**
 * A safetensors file, mapped into memory: eight bytes with the header's length (little-endian), the
 * header as JSON (name → dtype, shape, data_offsets; {@code __metadata__} → strings), then the
 * data.
 *
 * <p>Everything is checked before the first tensor is handed out. Format:
 * https://github.com/huggingface/safetensors#format
 */
public final class Safetensors {
  /** The format's own limit for the header. */
  private static final long LONGEST_HEADER = 100_000_000;

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(JsonParser.Feature.ALLOW_COMMENTS)
          .build();

  private final Path path;
  private final Map<String, TensorInfo> tensors;
  private final Map<String, String> metadata;
  private final MemorySegment data;

  private Safetensors(
      Path path,
      Map<String, TensorInfo> tensors,
      Map<String, String> metadata,
      MemorySegment data) {
    this.path = path;
    this.tensors = tensors;
    this.metadata = metadata;
    this.data = data;
  }

  /**
   * Maps a file for as long as {@code arena} lives.
   *
   * @throws MalformedFileException if it is missing or breaks the format, saying where
   */
  public static Safetensors open(Path path, Arena arena) {
    if (!Files.isRegularFile(path)) {
      throw new MalformedFileException(path + ": no such file");
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = channel.size();
      if (size < Long.BYTES) {
        throw new MalformedFileException(
            path
                + ": not a safetensors file: "
                + size
                + " bytes, the header's length alone needs 8");
      }
      MemorySegment file = channel.map(MapMode.READ_ONLY, 0, size, arena);
      long length = file.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
      if (length < 2 || length > Math.min(LONGEST_HEADER, size - Long.BYTES)) {
        throw new MalformedFileException(
            path
                + ": not a safetensors file: header length "
                + Long.toUnsignedString(length)
                + ", the file has "
                + (size - Long.BYTES)
                + " bytes after it");
      }
      byte[] header = file.asSlice(Long.BYTES, length).toArray(ValueLayout.JAVA_BYTE);
      MemorySegment data = file.asSlice(Long.BYTES + length);
      JsonNode root = parse(path, header);
      Map<String, String> metadata = metadata(path, root.get("__metadata__"));
      return new Safetensors(path, tensors(path, root, data.byteSize()), metadata, data);
    } catch (IOException e) {
      throw new MalformedFileException(path + ": cannot be read: " + e.getMessage());
    }
  }

  /** Where the file is. */
  public Path path() {
    return path;
  }

  /** The strings of {@code __metadata__}. */
  public Map<String, String> metadata() {
    return metadata;
  }

  /** Names of the tensors. */
  public List<String> names() {
    return List.copyOf(tensors.keySet());
  }

  /**
   * A tensor's type, shape and place.
   *
   * @throws MalformedFileException if there is none of that name
   */
  public TensorInfo info(String name) {
    TensorInfo info = tensors.get(name);
    if (info == null) {
      throw new MalformedFileException(
          path + ": has no tensor " + name + ", it holds " + String.join(", ", tensors.keySet()));
    }
    return info;
  }

  /** A tensor's bytes, as they lie in the file. */
  public MemorySegment data(String name) {
    TensorInfo info = info(name);
    return data.asSlice(info.begin(), info.end() - info.begin());
  }

  /**
   * Writes F32 tensors. The file appears under its name only once it is whole.
   *
   * @param tensors name → shape and data, written in this order
   */
  public static void write(
      Path path, Map<String, FloatTensor> tensors, Map<String, String> metadata)
      throws IOException {
    ObjectNode header = JSON.createObjectNode();
    ObjectNode strings = header.putObject("__metadata__");
    metadata.forEach(strings::put);
    long offset = 0;
    for (Map.Entry<String, FloatTensor> entry : tensors.entrySet()) {
      ObjectNode node = header.putObject(entry.getKey());
      node.put("dtype", DType.F32.name());
      entry.getValue().shape().forEach(node.putArray("shape")::add);
      long bytes = entry.getValue().data().byteSize();
      node.putArray("data_offsets").add(offset).add(offset + bytes);
      offset += bytes;
    }
    byte[] json = JSON.writeValueAsBytes(header);
    // Padded with spaces, as the format allows, so that the data is aligned.
    int padded = Math.ceilDiv(json.length, Long.BYTES) * Long.BYTES;
    ByteBuffer head =
        ByteBuffer.allocate(Long.BYTES + padded).order(ByteOrder.LITTLE_ENDIAN).putLong(padded);
    head.put(json);
    while (head.hasRemaining()) {
      head.put((byte) ' ');
    }

    Path parent = path.toAbsolutePath().getParent();
    Path unfinished = Files.createTempFile(parent, "." + path.getFileName(), ".part");
    try {
      try (FileChannel channel =
          FileChannel.open(
              unfinished, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
        writeFully(channel, head.flip());
        for (FloatTensor tensor : tensors.values()) {
          for (long at = 0; at < tensor.data().byteSize(); at += 1 << 28) {
            long part = Math.min(1 << 28, tensor.data().byteSize() - at);
            writeFully(channel, tensor.data().asSlice(at, part).asByteBuffer());
          }
        }
        channel.force(true);
      }
      Files.move(
          unfinished, path, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(unfinished);
    }
  }

  /**
   * A float32 tensor to write.
   *
   * @param shape sizes, outermost first
   * @param data the elements, little-endian, contiguous
   */
  public record FloatTensor(List<Long> shape, MemorySegment data) {}

  private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  private static JsonNode parse(Path path, byte[] header) {
    try {
      JsonNode root = JSON.readTree(new String(header, StandardCharsets.UTF_8));
      if (!root.isObject()) {
        throw new MalformedFileException(path + ": the header is no JSON object");
      }
      return root;
    } catch (JsonProcessingException e) {
      throw new MalformedFileException(
          path + ": the header is not valid JSON: " + e.getOriginalMessage());
    }
  }

  private static Map<String, String> metadata(Path path, JsonNode node) {
    Map<String, String> metadata = new LinkedHashMap<>();
    if (node == null) {
      return metadata;
    }
    if (!node.isObject()) {
      throw new MalformedFileException(path + ": __metadata__ must be an object of strings");
    }
    node.properties()
        .forEach(
            entry -> {
              if (!entry.getValue().isTextual()) {
                throw new MalformedFileException(
                    path + ": __metadata__ entry " + entry.getKey() + " must be a string");
              }
              metadata.put(entry.getKey(), entry.getValue().textValue());
            });
    return metadata;
  }

  private static Map<String, TensorInfo> tensors(Path path, JsonNode root, long dataBytes) {
    Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    root.properties()
        .forEach(
            entry -> {
              if (!entry.getKey().equals("__metadata__")) {
                tensors.put(
                    entry.getKey(),
                    tensor(path + ": tensor " + entry.getKey(), entry.getValue(), dataBytes));
              }
            });
    List<Map.Entry<String, TensorInfo>> byOffset = new ArrayList<>(tensors.entrySet());
    byOffset.sort(Comparator.comparingLong(entry -> entry.getValue().begin()));
    for (int i = 1; i < byOffset.size(); i++) {
      if (byOffset.get(i).getValue().begin() < byOffset.get(i - 1).getValue().end()) {
        throw new MalformedFileException(
            path
                + ": the data of tensors "
                + byOffset.get(i - 1).getKey()
                + " and "
                + byOffset.get(i).getKey()
                + " overlaps");
      }
    }
    return tensors;
  }

  private static TensorInfo tensor(String where, JsonNode node, long dataBytes) {
    JsonNode offsets = node.path("data_offsets");
    if (!node.path("dtype").isTextual()
        || !node.path("shape").isArray()
        || offsets.size() != 2
        || !offsets.get(0).canConvertToLong()
        || !offsets.get(1).canConvertToLong()
        || !offsets.get(0).isIntegralNumber()
        || !offsets.get(1).isIntegralNumber()) {
      throw new MalformedFileException(where + " needs a dtype, a shape and two data_offsets");
    }
    DType dtype = dtype(where, node.get("dtype").textValue());
    List<Long> shape = new ArrayList<>();
    long bytes = dtype.bytes();
    for (JsonNode size : node.get("shape")) {
      if (!size.isIntegralNumber() || !size.canConvertToLong() || size.longValue() < 0) {
        throw new MalformedFileException(where + " has a size that is no whole number: " + size);
      }
      shape.add(size.longValue());
      try {
        bytes = Math.multiplyExact(bytes, size.longValue());
      } catch (ArithmeticException e) {
        throw new MalformedFileException(where + " has a shape beyond 2^63 bytes: " + shape);
      }
    }
    long begin = offsets.get(0).longValue();
    long end = offsets.get(1).longValue();
    if (begin < 0 || end < begin || end > dataBytes) {
      throw new MalformedFileException(
          where
              + " has data_offsets ["
              + begin
              + ", "
              + end
              + "], the file holds "
              + dataBytes
              + " bytes of data");
    }
    if (end - begin != bytes) {
      throw new MalformedFileException(
          where
              + " has "
              + (end - begin)
              + " bytes of data, "
              + dtype
              + " of shape "
              + shape
              + " needs "
              + bytes);
    }
    return new TensorInfo(dtype, shape, begin, end);
  }

  private static DType dtype(String where, String name) {
    for (DType dtype : DType.values()) {
      if (dtype.name().equals(name.toUpperCase(Locale.ROOT))) {
        return dtype;
      }
    }
    throw new MalformedFileException(where + " has dtype " + name + ", allowed are F32, F16, BF16");
  }
}
