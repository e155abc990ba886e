// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.tensor;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.io.OutputFile;

/**
 * A safetensors file, mapped into memory: eight bytes with the header's length (little-endian), the
 * header as JSON, then the data of all tensors without gaps.
 *
 * <p>The whole header is checked when the file is opened. A tensor's element type is judged only
 * when that tensor is read: a file may hold types beside the ones that attention takes. Format:
 * https://github.com/huggingface/safetensors#format
 */
public final class Safetensors {
  /** The format's own limit for the header. */
  private static final long LONGEST_HEADER = 100_000_000;

  private static final long LARGEST_WRITE = 1 << 28;

  private final Path path;
  private final SafetensorsHeader header;
  private final MemorySegment data;

  private Safetensors(Path path, SafetensorsHeader header, MemorySegment data) {
    this.path = path;
    this.header = header;
    this.data = data;
  }

  /**
   * Maps a file for as long as {@code arena} lives.
   *
   * @throws MalformedFileException if it is missing or breaks the format, saying where
   */
  public static Safetensors open(Path path, Arena arena) {
    if (!Files.isRegularFile(path)) {
      throw new MalformedFileException(
          path + (Files.exists(path) ? ": not a regular file" : ": no such file"));
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
      byte[] json = file.asSlice(Long.BYTES, length).toArray(ValueLayout.JAVA_BYTE);
      MemorySegment data = file.asSlice(Long.BYTES + length);
      SafetensorsHeader header = SafetensorsHeader.parse(path.toString(), json, data.byteSize());
      return new Safetensors(path, header, data);
    } catch (IOException e) {
      throw new MalformedFileException(path + ": cannot be read: " + Messages.reason(e), e);
    }
  }

  /** The path of the file. */
  public Path path() {
    return path;
  }

  /** The strings of {@code __metadata__}. */
  public Map<String, String> metadata() {
    return header.metadata();
  }

  /** Names of the tensors, in the header's order. */
  public List<String> names() {
    return List.copyOf(header.tensors().keySet());
  }

  /** Whether there is a tensor of that name. */
  public boolean has(String name) {
    return header.tensors().containsKey(name);
  }

  /**
   * A tensor's type, shape and place.
   *
   * @throws MalformedFileException if there is none of that name, naming the nearest
   */
  public TensorInfo info(String name) {
    TensorInfo info = header.tensors().get(name);
    if (info == null) {
      throw new MalformedFileException(
          path
              + ": has no tensor "
              + Messages.cut(name)
              + ", it holds "
              + Messages.cut(String.join(", ", Messages.nearest(name, header.tensors().keySet()))));
    }
    return info;
  }

  /** A tensor's bytes, as they lie in the file. */
  public MemorySegment data(String name) {
    TensorInfo info = info(name);
    return data.asSlice(info.begin(), info.end() - info.begin());
  }

  /**
   * Writes F32 tensors. The file appears under its name only when it is whole.
   *
   * @param tensors name → shape and data, written in this order
   * @throws IllegalArgumentException if {@code path} is not a place for a regular file
   * @throws IOException if writing fails; nothing is left behind then
   */
  public static void write(
      Path path, Map<String, FloatTensor> tensors, Map<String, String> metadata)
      throws IOException {
    ByteBuffer head = head(tensors, metadata);
    OutputFile.writePath(
        path,
        unfinished -> {
          try (FileChannel channel = FileChannel.open(unfinished, StandardOpenOption.WRITE)) {
            writeFully(channel, head);
            for (FloatTensor tensor : tensors.values()) {
              long bytes = tensor.data().byteSize();
              for (long at = 0; at < bytes; at += LARGEST_WRITE) {
                long part = Math.min(LARGEST_WRITE, bytes - at);
                writeFully(channel, tensor.data().asSlice(at, part).asByteBuffer());
              }
            }
          }
        });
  }

  private static ByteBuffer head(Map<String, FloatTensor> tensors, Map<String, String> metadata)
      throws IOException {
    ObjectNode header = Json.object();
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
    byte[] json = Json.mapper().writeValueAsBytes(header);
    // Padded with spaces, as the format allows, so that the data is aligned.
    int padded = Math.ceilDiv(json.length, Long.BYTES) * Long.BYTES;
    ByteBuffer head =
        ByteBuffer.allocate(Long.BYTES + padded).order(ByteOrder.LITTLE_ENDIAN).putLong(padded);
    head.put(json);
    while (head.hasRemaining()) {
      head.put((byte) ' ');
    }
    return head.flip();
  }

  private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  /**
   * A float32 tensor to write.
   *
   * @param shape sizes, outermost first
   * @param data the elements, little-endian, contiguous
   */
  public record FloatTensor(List<Long> shape, MemorySegment data) {}
}
