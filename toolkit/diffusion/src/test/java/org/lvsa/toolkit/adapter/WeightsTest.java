// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.io.MalformedFileException;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Small random checkpoints in diffusers' format, and what is wrong with some. */
class WeightsTest {
  private static final BlockShape SHAPE = SmallModel.shape(2, 2);

  @TempDir private Path directory;

  /** Tensors of a block under their checkpoint names. */
  private static Map<String, long[]> names(ModelAdapter adapter, int block) {
    Map<String, long[]> names = new LinkedHashMap<>();
    adapter.tensors(SHAPE).forEach((name, shape) -> names.put(adapter.prefix(block) + name, shape));
    return names;
  }

  /** A safetensors file, written by hand: header length, header, data. */
  private Path write(String file, DType dtype, Map<String, long[]> tensors) throws IOException {
    ObjectNode header = new ObjectMapper().createObjectNode();
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    try (Arena arena = Arena.ofConfined()) {
      for (Map.Entry<String, long[]> tensor : tensors.entrySet()) {
        long elements = Arrays.stream(tensor.getValue()).reduce(1, (a, b) -> a * b);
        MemorySegment memory = arena.allocate(elements * dtype.bytes(), 4);
        for (long i = 0; i < elements; i++) {
          dtype.set(memory, i, value(tensor.getKey(), i));
        }
        ObjectNode node = header.putObject(tensor.getKey());
        node.put("dtype", dtype.name());
        Arrays.stream(tensor.getValue()).forEach(node.putArray("shape")::add);
        node.putArray("data_offsets").add(data.size()).add(data.size() + memory.byteSize());
        data.write(memory.toArray(ValueLayout.JAVA_BYTE));
      }
    }
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    ByteBuffer all =
        ByteBuffer.allocate(8 + json.length + data.size()).order(ByteOrder.LITTLE_ENDIAN);
    all.putLong(json.length).put(json).put(data.toByteArray());
    return Files.write(directory.resolve(file), all.array());
  }

  /** Sixteenths up to 1: every dtype holds them exactly. */
  private static float value(String name, long i) {
    return Math.floorMod(name.hashCode() + i * 7, 33) / 16f - 1;
  }

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, F32",
    "wan2.1-1.3b, F16",
    "wan2.1-1.3b, BF16",
    "wan2.1-i2v-14b, BF16",
    "hunyuanvideo-1.5, F32",
    "hunyuanvideo-1.5, F16",
    "hunyuanvideo-1.5, BF16",
    "cogvideox-5b, F32",
    "cogvideox-5b, F16",
    "cogvideox-5b, BF16"
  })
  void everyTypeIsReadAsItStands(String model, DType dtype) throws IOException {
    ModelAdapter adapter = ModelAdapter.of(model);
    Path file = write("model.safetensors", dtype, names(adapter, 0));
    try (Weights weights = new Weights(file)) {
      Map<String, INDArray> block = weights.block(adapter.prefix(0), adapter.tensors(SHAPE));
      assertEquals(adapter.tensors(SHAPE).keySet(), block.keySet());
      block.forEach(
          (name, tensor) -> {
            String full = adapter.prefix(0) + name;
            for (long i = 0; i < tensor.length(); i++) {
              assertEquals(value(full, i), tensor.getFloat(i), full + " " + i);
            }
          });
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan2.1-1.3b", "hunyuanvideo-1.5", "cogvideox-5b"})
  void loadedBlocksAttend(String model) throws IOException {
    ModelAdapter adapter = ModelAdapter.of(model);
    Map<String, long[]> names = new LinkedHashMap<>(names(adapter, 0));
    names.putAll(names(adapter, 1));
    Path file = write("model.safetensors", DType.BF16, names);
    try (Weights weights = new Weights(file)) {
      List<BlockWeights> blocks = Transformer.load(adapter, SHAPE, 2, weights);
      assertEquals(2, blocks.size());
      Streams streams =
          new Streams(
              SmallModel.tokens(SmallModel.TOKENS, 24, 1),
              SmallModel.tokens(SmallModel.TEXT, 24, 2));
      BlockEquations.Added expected = SmallModel.expected(model, blocks.get(1), streams, null);
      try (Generation generation =
          SmallModel.generation(SmallModel.config("SDPA"), RankView.alone(), SmallModel.log())) {
        SmallModel.assertClose(
            expected.video(),
            new AttentionBlock(adapter, 1, blocks.get(1)).attend(generation, streams).video(),
            model);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"ffn.net.0.proj.weight", "norm2.weight", "scale_shift_table", "attn10.to_q.bias"})
  void whatABlockHasBesideItsAttentionIsLeftAlone(String other) throws IOException {
    ModelAdapter wan = ModelAdapter.of("wan2.1-1.3b");
    Map<String, long[]> names = names(wan, 0);
    names.put("blocks.0." + other, new long[] {3});
    names.put("proj_out.weight", new long[] {3});
    Path file = write("model.safetensors", DType.F32, names);
    try (Weights weights = new Weights(file)) {
      assertEquals(20, weights.block("blocks.0.", wan.tensors(SHAPE)).size());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, attn2.add_k_proj.weight",
    "hunyuanvideo-1.5, attn.to_gate.weight",
    "cogvideox-5b, attn1.add_q_proj.bias"
  })
  void anExtraAttentionTensorIsNamed(String model, String extra) throws IOException {
    ModelAdapter adapter = ModelAdapter.of(model);
    Map<String, long[]> names = names(adapter, 0);
    names.put(adapter.prefix(0) + extra, new long[] {3});
    Path file = write("model.safetensors", DType.F32, names);
    try (Weights weights = new Weights(file)) {
      assertEquals(
          file + ": unexpected tensor " + adapter.prefix(0) + extra, message(weights, adapter));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, attn1.norm_q.weight",
    "wan2.1-i2v-14b, attn2.norm_added_k.weight",
    "hunyuanvideo-1.5, attn.to_add_out.bias",
    "cogvideox-5b, attn1.norm_k.bias"
  })
  void aMissingTensorIsNamed(String model, String missing) throws IOException {
    ModelAdapter adapter = ModelAdapter.of(model);
    Map<String, long[]> names = names(adapter, 0);
    names.remove(adapter.prefix(0) + missing);
    Path file = write("model.safetensors", DType.F32, names);
    try (Weights weights = new Weights(file)) {
      assertEquals(
          file + ": missing tensor " + adapter.prefix(0) + missing, message(weights, adapter));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, attn1.norm_q.weight, '[24]'",
    "hunyuanvideo-1.5, attn.norm_q.weight, '[12]'",
    "cogvideox-5b, attn1.to_q.weight, '[24, 24]'"
  })
  void aTensorOfAnotherShapeIsNamed(String model, String name, String wanted) throws IOException {
    ModelAdapter adapter = ModelAdapter.of(model);
    Map<String, long[]> names = names(adapter, 0);
    names.put(adapter.prefix(0) + name, new long[] {23});
    Path file = write("model.safetensors", DType.F32, names);
    try (Weights weights = new Weights(file)) {
      assertEquals(
          file + ": tensor " + adapter.prefix(0) + name + " must be " + wanted + ", got [23]",
          message(weights, adapter));
    }
  }

  private static String message(Weights weights, ModelAdapter adapter) {
    return assertThrows(
            MalformedFileException.class,
            () -> weights.block(adapter.prefix(0), adapter.tensors(SHAPE)))
        .getMessage();
  }

  @Test
  void shardsAreFoundThroughTheIndex() throws IOException {
    ModelAdapter adapter = ModelAdapter.of("wan2.1-1.3b");
    ObjectNode index = new ObjectMapper().createObjectNode();
    ObjectNode map = index.putObject("weight_map");
    for (int block = 0; block < 2; block++) {
      String shard = "diffusion-0000" + (block + 1) + "-of-00002.safetensors";
      write(shard, DType.F32, names(adapter, block));
      names(adapter, block).keySet().forEach(name -> map.put(name, shard));
    }
    Path file = directory.resolve("diffusion.safetensors.index.json");
    Files.writeString(file, index.toString());
    for (Path path : List.of(directory, file)) {
      try (Weights weights = new Weights(path)) {
        Map<String, INDArray> second = weights.block("blocks.1.", adapter.tensors(SHAPE));
        assertEquals(
            value("blocks.1.attn1.to_q.weight", 5), second.get("attn1.to_q.weight").getFloat(5));
      }
    }
    map.put("blocks.9.x", "diffusion-00001-of-00002.safetensors");
    Files.writeString(file, index.toString());
    assertTrue(
        assertThrows(MalformedFileException.class, () -> new Weights(directory))
            .getMessage()
            .contains("says that blocks.9.x is in"));
  }

  @Test
  void aMissingShardIsNamed() throws IOException {
    Files.writeString(
        directory.resolve("m.safetensors.index.json"),
        "{\"weight_map\": {\"blocks.0.x\": \"gone.safetensors\"}}");
    assertEquals(
        directory.resolve("gone.safetensors") + ": no such file",
        assertThrows(MalformedFileException.class, () -> new Weights(directory)).getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"weight_map": {"a": "../../etc/passwd"}} | must be the name of a file beside the index, got "../../etc/passwd"
          {"weight_map": {"a": "/etc/passwd"}}      | must be the name of a file beside the index
          {"weight_map": {"a": ".."}}               | must be the name of a file beside the index
          {"weight_map": {"a": 1}}                  | must be the name of a file beside the index, got 1
          {"weight_map": {"a": "gone.safetensors"}} | no such file
          {"weight_map": {"a": "broken.safetensors"}} | not a safetensors file
          {"weight_map": {"a": "whole.safetensors"}}  | says that a is in
          {"weight_map": {"a": }}                   | , line 1, column 22: not valid JSON
          {"weight_map": {}, "weight_map": {}}      | Duplicate field 'weight_map'
          {"weights": {}}                           | needs an object weight_map
          """)
  void aBrokenIndexIsRefusedAndNothingStaysMapped(String json, String message) throws IOException {
    Path index = directory.resolve("m.safetensors.index.json");
    Files.writeString(index, json);
    Files.writeString(directory.resolve("broken.safetensors"), "broken");
    write("whole.safetensors", DType.F32, Map.of("b", new long[] {1}));
    Arena arena = Arena.ofShared();
    MalformedFileException refused =
        assertThrows(MalformedFileException.class, () -> new Weights(index, arena));
    assertTrue(refused.getMessage().startsWith(directory + "/"), refused.getMessage());
    assertTrue(refused.getMessage().contains(message), refused.getMessage());
    assertFalse(arena.scope().isAlive(), "the arena is open after: " + message);
  }

  @Test
  void anEmptyDirectoryAndAMissingFileAreRefused() throws IOException {
    Path empty = Files.createDirectory(directory.resolve("empty"));
    assertEquals(
        empty + ": no safetensors file and no index in it",
        assertThrows(MalformedFileException.class, () -> new Weights(empty)).getMessage());
    Path none = directory.resolve("none.safetensors");
    assertEquals(
        none + ": no such file",
        assertThrows(MalformedFileException.class, () -> new Weights(none)).getMessage());
  }
}
