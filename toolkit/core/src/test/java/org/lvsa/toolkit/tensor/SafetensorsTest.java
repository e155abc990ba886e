// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.MalformedFileException;

class SafetensorsTest {
  @TempDir private Path directory;

  private Path file(String header, int dataBytes) throws IOException {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(Long.BYTES + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(json.length).put(json);
    for (int i = 0; i < dataBytes; i++) {
      bytes.put((byte) i);
    }
    return Files.write(directory.resolve("a.safetensors"), bytes.array());
  }

  private static String entry(String name, String dtype, String shape, int begin, int end) {
    return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
        .formatted(name, dtype, shape, begin, end);
  }

  private void assertRefused(String header, int dataBytes, String message) throws IOException {
    Path path = file(header, dataBytes);
    try (Arena arena = Arena.ofConfined()) {
      MalformedFileException refused =
          assertThrows(MalformedFileException.class, () -> Safetensors.open(path, arena));
      assertTrue(refused.getMessage().startsWith(path + ": "), refused.getMessage());
      assertTrue(refused.getMessage().contains(message), refused.getMessage());
    }
  }

  /** 24 elements take a whole number of bytes in every type of the format. */
  @ParameterizedTest
  @EnumSource(TensorType.class)
  void aTypeThatNobodyAsksForDoesNotMatter(TensorType type) throws IOException {
    int bytes = 24 * type.bits() / 8;
    Path path =
        file(
            "{"
                + entry("ids", type.name(), "[2,12]", 0, bytes)
                + ","
                + entry("q", "F32", "[1]", bytes, bytes + 4)
                + "}",
            bytes + 4);
    try (Arena arena = Arena.ofConfined()) {
      Safetensors opened = Safetensors.open(path, arena);
      assertEquals(DType.F32, opened.info("q").dtype());
      assertEquals(type, opened.info("ids").type());
      assertEquals(bytes, opened.data("ids").byteSize());
      if (List.of(TensorType.F32, TensorType.F16, TensorType.BF16).contains(type)) {
        assertEquals(type.name(), opened.info("ids").dtype().name());
      } else {
        MalformedFileException refused =
            assertThrows(MalformedFileException.class, () -> opened.info("ids").dtype());
        assertEquals(
            path + ": tensor ids has dtype " + type + ", allowed here are F32, F16, BF16",
            refused.getMessage());
      }
    }
  }

  @Test
  void typesBelowAByteCountInBits() throws IOException {
    assertRefused("{" + entry("a", "F4", "[3]", 0, 2) + "}", 2, "ends within a byte: F4");
    assertRefused(
        "{" + entry("a", "F6_E2M3", "[4]", 0, 4) + "}", 4, "F6_E2M3 of shape [4] needs 3");
  }

  @Test
  void theDataIsFilledWithoutGapsOverlapsAndRests() throws IOException {
    String a = entry("a", "F32", "[2]", 0, 8);
    assertRefused("{" + a + "}", 12, "the tensors end at byte 8, the file holds 12 bytes of data");
    assertRefused("{}", 4, "the tensors end at byte 0, the file holds 4 bytes");
    assertRefused(
        "{" + a + "," + entry("b", "F32", "[1]", 12, 16) + "}", 16, "tensor b begins at byte 12");
    assertRefused(
        "{" + a + "," + entry("b", "F32", "[2]", 4, 12) + "}", 12, "overlaps the tensor before it");
    assertRefused(
        "{" + a + "," + entry("b", "F32", "[2]", 0, 8) + "}", 8, "overlaps the tensor before it");
  }

  @Test
  void emptyTensorsAndAnyOrderAreAllowed() throws IOException {
    Path path =
        file(
            "{"
                + entry("late", "F32", "[1]", 4, 8)
                + ","
                + entry("none", "F32", "[0,7]", 4, 4)
                + ","
                + entry("scalar", "F32", "[]", 0, 4)
                + "}   ",
            8);
    try (Arena arena = Arena.ofConfined()) {
      Safetensors opened = Safetensors.open(path, arena);
      assertEquals(List.of("late", "none", "scalar"), opened.names());
      assertEquals(0, opened.data("none").byteSize());
      assertEquals(4, opened.data("late").get(ValueLayout.JAVA_BYTE, 0));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        " {}",
        "[]",
        "{\"a\":1}",
        "{\"a\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}x",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,18446744073709551616]}}",
        "{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
      })
  void aHeaderThatBreaksTheFormatIsRefused(String header) throws IOException {
    assertRefused(header, 4, "");
  }

  @Test
  void aHeaderThatIsNoUtf8IsRefusedWithItsPlace() throws IOException {
    byte[] json = "{\"a?\":{}}".getBytes(StandardCharsets.UTF_8);
    json[3] = (byte) 0xc3;
    ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES + json.length).order(ByteOrder.LITTLE_ENDIAN);
    Path path =
        Files.write(
            directory.resolve("utf8.safetensors"), bytes.putLong(json.length).put(json).array());
    try (Arena arena = Arena.ofConfined()) {
      MalformedFileException refused =
          assertThrows(MalformedFileException.class, () -> Safetensors.open(path, arena));
      assertTrue(
          refused.getMessage().startsWith(path + ": header, line 1, column 4: not UTF-8"),
          refused.getMessage());
    }
  }

  @Test
  void aMissingTensorNamesTheNearest() throws IOException {
    Path path =
        file(
            "{" + entry("k", "F32", "[1]", 0, 4) + "," + entry("query", "F32", "[1]", 4, 8) + "}",
            8);
    try (Arena arena = Arena.ofConfined()) {
      Safetensors opened = Safetensors.open(path, arena);
      assertEquals(
          path + ": has no tensor q, it holds query, k",
          assertThrows(MalformedFileException.class, () -> opened.info("q")).getMessage());
    }
  }

  @Test
  void whatIsWrittenIsReadBackWithTheUmasksMode() throws IOException {
    Path path = directory.resolve("größe.safetensors");
    Path plain = Files.createFile(directory.resolve("plain"));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3);
      Map<String, Safetensors.FloatTensor> tensors = new LinkedHashMap<>();
      tensors.put("ö", new Safetensors.FloatTensor(List.of(3L, 1L), data));
      tensors.put("z", new Safetensors.FloatTensor(List.of(0L), data.asSlice(0, 0)));
      Safetensors.write(path, tensors, Map.of("who", "ü"));
      Safetensors read = Safetensors.open(path, arena);
      assertEquals(List.of("ö", "z"), read.names());
      assertEquals(Map.of("who", "ü"), read.metadata());
      assertEquals(List.of(3L, 1L), read.info("ö").shape());
      assertEquals(-1, read.data("ö").mismatch(data));
      assertEquals(
          Files.getPosixFilePermissions(plain), Files.getPosixFilePermissions(path), "mode");
    }
  }
}
