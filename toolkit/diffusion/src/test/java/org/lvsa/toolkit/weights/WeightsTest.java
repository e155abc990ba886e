// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.tensor.TensorType;

/** Folders of weights: what is read, and what is refused with which words. */
class WeightsTest {
  @TempDir Path folder;

  private static final TensorShapes SHAPES =
      new TensorShapes().addLinear("to_q", 3, 4).add("norm.weight", 4);

  private static Map<String, WeightTensor> tensors(DType dtype) {
    Random random = new Random(7);
    Map<String, WeightTensor> tensors = new LinkedHashMap<>();
    SHAPES
        .asMap()
        .forEach(
            (name, shape) -> {
              float[] values =
                  new float
                      [(int)
                          shape.stream().mapToLong(Long::longValue).reduce(1, Math::multiplyExact)];
              for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
              }
              tensors.put(name, TestWeights.tensor(name, dtype, shape, values));
            });
    return tensors;
  }

  private void shards(
      String json, Map<String, WeightTensor> first, Map<String, WeightTensor> second)
      throws IOException {
    TestWeights.write(folder.resolve("diffusion_pytorch_model-00001-of-00002.safetensors"), first);
    TestWeights.write(folder.resolve("diffusion_pytorch_model-00002-of-00002.safetensors"), second);
    Files.writeString(folder.resolve("diffusion_pytorch_model.safetensors.index.json"), json);
  }

  private static final String INDEX =
      """
      {"metadata": {"total_size": 80}, "weight_map": {
       "to_q.weight": "diffusion_pytorch_model-00001-of-00002.safetensors",
       "to_q.bias": "diffusion_pytorch_model-00002-of-00002.safetensors",
       "norm.weight": "diffusion_pytorch_model-00002-of-00002.safetensors"}}
      """;

  private void twoShards() throws IOException {
    Map<String, WeightTensor> all = tensors(DType.F32);
    shards(
        INDEX,
        Map.of("to_q.weight", all.get("to_q.weight")),
        Map.of("to_q.bias", all.get("to_q.bias"), "norm.weight", all.get("norm.weight")));
  }

  private String refused() {
    return assertThrows(
            MalformedFileException.class,
            () -> {
              try (Weights weights = Weights.open(folder)) {
                weights.check(SHAPES, Set.of(), false);
              }
            })
        .getMessage();
  }

  @ParameterizedTest
  @ValueSource(strings = {"model", "diffusion_pytorch_model"})
  void eachTypeIsWidened(String name) throws IOException {
    for (DType dtype : DType.values()) {
      Map<String, WeightTensor> tensors = tensors(dtype);
      TestWeights.write(folder.resolve(name + ".safetensors"), tensors);
      try (Weights weights = Weights.open(folder)) {
        weights.check(SHAPES, Set.of(), false);
        assertEquals(19 * dtype.bytes(), weights.bytes());
        float[] row = new float[4];
        weights.get("to_q.weight").widen(4, row);
        float[] all = new float[12];
        for (int i = 0; i < all.length; i++) {
          all[i] = dtype.get(tensors.get("to_q.weight").data(), i);
        }
        assertArrayEquals(Arrays.copyOfRange(all, 4, 8), row, dtype.name());
        float[] wide = new float[12];
        MemorySegment segment = MemorySegment.ofArray(wide);
        weights.get("to_q.weight").widen(0, segment);
        assertArrayEquals(all, segment.toArray(ValueLayout.JAVA_FLOAT), dtype.name());
      }
    }
  }

  /** Each of the 256 numbers of both formats, by their definition. */
  @ParameterizedTest
  @CsvSource({"F8_E4M3, 4, 3", "F8_E5M2, 5, 2"})
  void numbersOfEightBitsAreWidenedExactly(TensorType type, int exponentBits, int fractionBits)
      throws IOException {
    byte[] bits = new byte[256];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = (byte) i;
    }
    WeightTensor all =
        new WeightTensor("all", type, List.of(16L, 16L), MemorySegment.ofArray(bits));
    TestWeights.write(folder.resolve("model.safetensors"), Map.of("all", all));
    int bias = (1 << exponentBits - 1) - 1;
    try (Weights weights = Weights.open(folder)) {
      weights.check(new TensorShapes().add("all", 16, 16), Set.of(), false);
      assertEquals(256, weights.bytes());
      float[] numbers = weights.floats("all");
      for (int i = 0; i < numbers.length; i++) {
        int exponent = i >> fractionBits & (1 << exponentBits) - 1;
        double fraction = (i & (1 << fractionBits) - 1) / (double) (1 << fractionBits);
        double size =
            exponent == 0
                ? fraction * Math.pow(2, 1 - bias)
                : (1 + fraction) * Math.pow(2, exponent - bias);
        boolean special = exponent == (1 << exponentBits) - 1;
        if (special && type == TensorType.F8_E5M2) {
          size = fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
        } else if (special && fraction == 0.875) {
          size = Double.NaN;
        }
        assertEquals((float) (i < 128 ? size : -size), numbers[i], "bits " + i);
      }
    }
  }

  @Test
  void aTypeThatIsNotReadIsNamedOnlyWhereItIsNeeded() throws IOException {
    Map<String, WeightTensor> tensors = tensors(DType.F32);
    tensors.put(
        "ids",
        new WeightTensor("ids", TensorType.I64, List.of(1L), MemorySegment.ofArray(new byte[8])));
    TestWeights.write(folder.resolve("model.safetensors"), tensors);
    try (Weights weights = Weights.open(folder)) {
      weights.check(SHAPES, Set.of("ids"), false);
      TensorShapes needed = new TensorShapes().add("ids", 1);
      String message =
          assertThrows(MalformedFileException.class, () -> weights.check(needed, Set.of(), true))
              .getMessage();
      assertTrue(message.contains("ids has dtype I64, allowed are F8_E5M2, F8_E4M3, F16"), message);
    }
  }

  @Test
  void shardsWithoutAnIndexAreReadInNaturalOrder() throws IOException {
    Map<String, WeightTensor> all = tensors(DType.F32);
    int shard = 12;
    for (String name : all.keySet()) {
      TestWeights.write(
          folder.resolve("part-" + shard + ".safetensors"), Map.of(name, all.get(name)));
      shard -= 4;
    }
    assertEquals(
        List.of("part-4.safetensors", "part-8.safetensors", "part-12.safetensors"),
        WeightFolder.of(folder).files().stream()
            .map(file -> file.getFileName().toString())
            .toList());
    try (Weights weights = Weights.open(folder)) {
      weights.check(SHAPES, Set.of(), false);
    }
    TestWeights.write(folder.resolve("part-13.safetensors"), all);
    String message = refused();
    assertTrue(
        message.contains("part-13.safetensors: holds the tensor")
            && message.contains("a file before it holds too"),
        message);
  }

  @Test
  void aStackIsTakenApartAndFoundByTheNameOfTheWhole() throws IOException {
    Map<String, WeightTensor> stored = new LinkedHashMap<>();
    stored.put(
        "a.qkv.weight",
        TestWeights.tensor("", DType.BF16, List.of(3L, 2L), new float[] {1, 2, 3, 4, 5, 6}));
    stored.put("b.to_q.weight", TestWeights.tensor("", DType.F16, List.of(1L), new float[] {7}));
    TestWeights.write(folder.resolve("model.safetensors"), stored);
    Renaming table =
        Renaming.of("\\.qkv\\.", ".to_qkv.")
            .stack("(.*)to_qkv\\.(weight|bias)", "$1to_q.$2", "$1to_k.$2", "$1to_v.$2");
    try (Weights weights = Weights.open(folder, table)) {
      assertEquals(
          Set.of("a.to_q.weight", "a.to_k.weight", "a.to_v.weight", "b.to_q.weight"),
          weights.names());
      assertEquals(List.of(1L, 2L), weights.get("a.to_k.weight").shape());
      assertArrayEquals(new float[] {3, 4}, weights.floats("a.to_k.weight"));
      assertTrue(weights.get("a.to_v.weight").data().isMapped());
    }
    assertEquals(
        List.of("a.to_q.bias", "a.to_k.bias", "a.to_v.bias"), table.parts("a.to_qkv.bias"));
    assertThrows(IllegalArgumentException.class, () -> table.parts("a.to_kv.bias"));
  }

  @Test
  void firstAxesOfOneAreLeftOutAndAnotherModelIsLeftAlone() throws IOException {
    Map<String, WeightTensor> stored = new LinkedHashMap<>();
    stored.put(
        "visual.pos", TestWeights.tensor("", DType.F32, List.of(1L, 1L, 2L), new float[] {1, 2}));
    stored.put("visual.one", TestWeights.tensor("", DType.F32, List.of(1L, 1L), new float[] {3}));
    stored.put("textual.pos", TestWeights.tensor("", DType.F32, List.of(1L), new float[] {4}));
    TestWeights.write(folder.resolve("model.safetensors"), stored);
    Renaming table = Renaming.of("^visual\\.", "").flat("pos|one").without("textual\\..*");
    try (Weights weights = Weights.open(folder, table)) {
      weights.check(new TensorShapes().add("pos", 2).add("one", 1), Set.of(), false);
      assertArrayEquals(new float[] {1, 2}, weights.floats("pos"));
    }
  }

  @Test
  void aSingleFileIsReadAndAPickledOneIsNot() throws IOException {
    Path file = folder.resolve("any name.safetensors");
    TestWeights.write(file, tensors(DType.F16));
    try (Weights weights = Weights.open(file)) {
      weights.check(SHAPES, Set.of(), false);
    }
    Path pickled = Files.write(folder.resolve("wan.pth"), new byte[1]);
    String message =
        assertThrows(MalformedFileException.class, () -> Weights.open(pickled)).getMessage();
    assertTrue(message.contains("wan.pth is pickled and must be converted"), message);
    assertTrue(message.contains("safetensors.torch.save_file(torch.load(\"wan.pth\""), message);
  }

  @Test
  void shardsEqualASingleFile() throws IOException {
    twoShards();
    Map<String, WeightTensor> all = tensors(DType.F32);
    try (Weights weights = Weights.open(folder)) {
      weights.check(SHAPES, Set.of(), false);
      assertEquals(all.keySet(), Set.copyOf(weights.names()));
      all.forEach((name, tensor) -> assertArrayEquals(tensor.floats(), weights.floats(name), name));
    }
  }

  @Test
  void whatIsMissingUnexpectedOrOfAnotherShapeIsNamed() throws IOException {
    Map<String, WeightTensor> tensors = tensors(DType.F32);
    tensors.remove("to_q.bias");
    tensors.put("norm.weight", TestWeights.tensor("", DType.F32, List.of(5L), new float[5]));
    tensors.put("extra", TestWeights.tensor("", DType.F32, List.of(1L), new float[1]));
    TestWeights.write(folder.resolve("model.safetensors"), tensors);
    String message = refused();
    assertTrue(message.contains("1 missing: to_q.bias"), message);
    assertTrue(message.contains("norm.weight (must be [4], got [5])"), message);
    assertTrue(message.contains("1 unexpected: extra"), message);
    assertEquals(1, message.lines().count());
  }

  @Test
  void extrasAreLeftAloneWhereThatIsAllowedOrTheyAreKnown() throws IOException {
    Map<String, WeightTensor> tensors = tensors(DType.F32);
    tensors.put("extra", TestWeights.tensor("", DType.F32, List.of(1L), new float[1]));
    TestWeights.write(folder.resolve("model.safetensors"), tensors);
    try (Weights weights = Weights.open(folder)) {
      weights.check(SHAPES, Set.of(), true);
      weights.check(SHAPES, Set.of("extra"), false);
    }
    assertTrue(refused().contains("unexpected: extra"));
  }

  @Test
  void aTensorBesideTheIndexIsUnexpected() throws IOException {
    twoShards();
    Map<String, WeightTensor> all = tensors(DType.F32);
    all.put("extra", TestWeights.tensor("", DType.F32, List.of(1L), new float[1]));
    shards(INDEX, all, all);
    assertTrue(refused().contains("unexpected: extra"));
  }

  @Test
  void aTruncatedOrMissingShardIsNamed() throws IOException {
    twoShards();
    Path shard = folder.resolve("diffusion_pytorch_model-00002-of-00002.safetensors");
    byte[] bytes = Files.readAllBytes(shard);
    Files.write(shard, Arrays.copyOf(bytes, bytes.length - 8));
    String message = refused();
    assertTrue(message.contains("00002-of-00002.safetensors"), message);
    Files.delete(shard);
    message = refused();
    assertTrue(
        message.contains("00002-of-00002.safetensors") && message.contains("no such file"),
        message);
  }

  @Test
  void anIndexThatNamesAnotherShardIsRefused() throws IOException {
    twoShards();
    Files.writeString(
        folder.resolve("diffusion_pytorch_model.safetensors.index.json"),
        INDEX.replace(
            "bias\": \"diffusion_pytorch_model-00002", "bias\": \"diffusion_pytorch_model-00001"));
    String message = refused();
    assertTrue(message.contains("says that to_q.bias is in"), message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"../other.safetensors\"",
        "\"/etc/x.safetensors\"",
        "\"a\\\\b.safetensors\"",
        "\"weights.bin\"",
        "3"
      })
  void onlyPlainNamesBesideTheIndexAreFollowed(String name) throws IOException {
    twoShards();
    Files.writeString(
        folder.resolve("diffusion_pytorch_model.safetensors.index.json"),
        "{\"weight_map\": {\"to_q.weight\": " + name + "}}");
    String message = refused();
    assertTrue(message.contains("plain name of a .safetensors file"), message);
  }

  @Test
  void aFolderWithoutWeightsSaysWhatWasSought() throws IOException {
    assertTrue(refused().contains("neither diffusion_pytorch_model.safetensors nor"));
    Files.write(folder.resolve("pytorch_model.bin"), new byte[1]);
    assertTrue(refused().contains("must be converted to safetensors"));
  }

  @Test
  void randomWeightsFollowTheSeedAndKeepTheSizeOfWhatPasses() {
    TensorShapes shapes =
        new TensorShapes().addLinear("a", 200, 300).add("norm_q.weight", 300).add("t", 1, 6, 50);
    try (Weights a = Weights.random(shapes, 1);
        Weights again = Weights.random(shapes, 1);
        Weights b = Weights.random(shapes, 2)) {
      a.check(shapes, Set.of(), false);
      assertArrayEquals(a.floats("a.weight"), again.floats("a.weight"));
      assertNotEquals(a.floats("a.weight")[0], b.floats("a.weight")[0]);
      double squares = 0;
      for (float value : a.floats("a.weight")) {
        squares += value * value;
      }
      assertEquals(200, squares, 4, "the squares of a row add up to about 1");
      double mean = 0;
      for (float value : a.floats("norm_q.weight")) {
        mean += value / 300;
      }
      assertEquals(1, mean, 0.05);
    }
  }

  /** Scales beside the weights are refused even where tensors that nothing reads are allowed. */
  @ParameterizedTest
  @ValueSource(strings = {"to_q.scale_weight", "to_q.weight_scale", "scale_weight"})
  void weightsWithScalesBesideThemAreRefused(String scale) throws IOException {
    Map<String, WeightTensor> tensors = new LinkedHashMap<>(tensors(DType.F32));
    tensors.put(scale, TestWeights.tensor(scale, DType.F32, List.of(1L), new float[] {0.5f}));
    TestWeights.write(folder.resolve("model.safetensors"), tensors);
    String said = refused();
    assertTrue(said.contains("(" + scale + "), which are not read; multiply them once"), said);
    String[] parts = scale.split("\\.");
    assertTrue(said.contains("w.get(k[:-6] + \"" + parts[parts.length - 1] + "\", 1)"), said);
    assertEquals(1, said.lines().count());
  }
}
