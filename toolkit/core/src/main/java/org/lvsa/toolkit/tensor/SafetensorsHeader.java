// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.tensor;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * The header of a safetensors file: name → dtype, shape and data_offsets, and the strings of {@code
 * __metadata__}.
 *
 * @param tensors every tensor by name, in the header's order
 * @param metadata the strings, empty if there are none
 */
record SafetensorsHeader(Map<String, TensorInfo> tensors, Map<String, String> metadata) {
  private static final String METADATA = "__metadata__";

  /**
   * Reads and checks a header. As in the format's reference implementation, the tensors must fill
   * the data without gaps, overlaps or bytes left over.
   *
   * @param place the file, as messages begin
   * @param json the header's bytes
   * @param dataBytes bytes of data after the header
   * @throws MalformedFileException saying what is wrong and where
   */
  static SafetensorsHeader parse(String place, byte[] json, long dataBytes) {
    String inHeader = place + ": header";
    if (json[0] != '{') {
      throw new MalformedFileException(inHeader + " must begin with {");
    }
    JsonNode root = Json.parse(Json.text(json, inHeader), inHeader);
    Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : root.properties()) {
      if (!entry.getKey().equals(METADATA)) {
        String where = place + ": tensor " + Messages.cut(entry.getKey());
        tensors.put(entry.getKey(), tensor(where, entry.getValue(), dataBytes));
      }
    }
    checkFilled(place, tensors, dataBytes);
    return new SafetensorsHeader(tensors, metadata(place, root.path(METADATA)));
  }

  private static Map<String, String> metadata(String place, JsonNode node) {
    Map<String, String> metadata = new LinkedHashMap<>();
    if (node.isMissingNode() || node.isNull()) {
      return metadata;
    }
    if (!node.isObject()) {
      throw new MalformedFileException(place + ": " + METADATA + " must be an object of strings");
    }
    for (Map.Entry<String, JsonNode> entry : node.properties()) {
      if (!entry.getValue().isTextual()) {
        throw new MalformedFileException(
            place
                + ": "
                + METADATA
                + " entry "
                + Messages.cut(entry.getKey())
                + " must be a string, got "
                + Messages.cut(entry.getValue()));
      }
      metadata.put(entry.getKey(), entry.getValue().textValue());
    }
    return metadata;
  }

  private static void checkFilled(String place, Map<String, TensorInfo> tensors, long dataBytes) {
    List<TensorInfo> byOffset = new ArrayList<>(tensors.values());
    byOffset.sort(Comparator.comparingLong(TensorInfo::begin).thenComparingLong(TensorInfo::end));
    long filled = 0;
    for (TensorInfo next : byOffset) {
      if (next.begin() != filled) {
        throw new MalformedFileException(
            next.place()
                + " begins at byte "
                + next.begin()
                + (next.begin() < filled
                    ? " and overlaps the tensor before it, which ends at byte "
                    : " and leaves a gap after the tensor before it, which ends at byte ")
                + filled);
      }
      filled = next.end();
    }
    if (filled != dataBytes) {
      throw new MalformedFileException(
          place
              + ": the tensors end at byte "
              + filled
              + ", the file holds "
              + dataBytes
              + " bytes of data");
    }
  }

  private static TensorInfo tensor(String where, JsonNode node, long dataBytes) {
    JsonNode offsets = node.path("data_offsets");
    if (!node.path("dtype").isTextual()
        || !node.path("shape").isArray()
        || offsets.size() != 2
        || !isLong(offsets.get(0))
        || !isLong(offsets.get(1))) {
      throw new MalformedFileException(where + " needs a dtype, a shape and two data_offsets");
    }
    String name = node.get("dtype").textValue();
    TensorType type =
        TensorType.named(name)
            .orElseThrow(
                () ->
                    new MalformedFileException(
                        where + ": " + Messages.unknown("dtype", name, TensorType.names())));
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
    List<Long> shape = shape(where, node.get("shape"));
    long bytes = bytes(where, type, shape);
    if (end - begin != bytes) {
      throw new MalformedFileException(
          where
              + " has "
              + (end - begin)
              + " bytes of data, "
              + type
              + " of shape "
              + Messages.cut(shape)
              + " needs "
              + bytes);
    }
    return new TensorInfo(where, type, shape, begin, end);
  }

  private static boolean isLong(JsonNode number) {
    return number.isIntegralNumber() && number.canConvertToLong();
  }

  private static List<Long> shape(String where, JsonNode sizes) {
    List<Long> shape = new ArrayList<>();
    for (JsonNode size : sizes) {
      if (!isLong(size) || size.longValue() < 0) {
        throw new MalformedFileException(
            where + " has a size that is no whole number: " + Messages.cut(size));
      }
      shape.add(size.longValue());
    }
    return shape;
  }

  /** Bytes of a tensor. Types of fewer than 8 bits must fill their last byte. */
  private static long bytes(String where, TensorType type, List<Long> shape) {
    long bits = type.bits();
    try {
      for (long size : shape) {
        bits = Math.multiplyExact(bits, size);
      }
    } catch (ArithmeticException e) {
      throw new MalformedFileException(
          where + " has a shape beyond 2^63 bits: " + Messages.cut(shape), e);
    }
    if (bits % Byte.SIZE != 0) {
      throw new MalformedFileException(
          where + " ends within a byte: " + type + " of shape " + Messages.cut(shape));
    }
    return bits / Byte.SIZE;
  }
}
