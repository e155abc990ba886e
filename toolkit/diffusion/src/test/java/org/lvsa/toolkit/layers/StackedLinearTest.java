// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.parallel.InProcess;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.tensor.TensorType;
import org.lvsa.toolkit.weights.Renaming;
import org.lvsa.toolkit.weights.TestWeights;
import org.lvsa.toolkit.weights.WeightTensor;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Query, key and value as one parameter, stored apart or as a whole, against three layers. */
class StackedLinearTest {
  private static final int HEADS = 6;
  private static final int HEAD_DIM = 5;
  private static final int WIDTH = HEADS * HEAD_DIM;
  private static final int TOKENS = 7;
  private static final List<String> PARTS = List.of("to_q", "to_k", "to_v");
  private static final Renaming TABLE =
      Renaming.NONE.stack("to_qkv\\.(weight|bias)", "to_q.$1", "to_k.$1", "to_v.$1");

  private final long seed = new Random().nextLong();
  private final Random random = new Random(seed);

  @TempDir private Path folder;

  @BeforeEach
  void printSeed(TestInfo test) {
    System.out.println(test.getDisplayName() + " seed " + seed);
  }

  /** Any bits that are numbers: the exponent's highest bit is never set. */
  private WeightTensor tensor(String name, TensorType type, long... shape) {
    List<Long> sizes = new ArrayList<>();
    long elements = 1;
    for (long size : shape) {
      sizes.add(size);
      elements *= size;
    }
    byte[] bits = new byte[(int) elements * type.bits() / Byte.SIZE];
    random.nextBytes(bits);
    int bytes = type.bits() / Byte.SIZE;
    for (int i = bytes - 1; i < bits.length; i += bytes) {
      bits[i] &= (byte) 0xBF;
    }
    return new WeightTensor(name, type, sizes, MemorySegment.ofArray(bits));
  }

  private Map<String, WeightTensor> parts(TensorType... types) {
    Map<String, WeightTensor> tensors = new TreeMap<>();
    for (int i = 0; i < PARTS.size(); i++) {
      String name = PARTS.get(i);
      tensors.put(
          name + ".weight", tensor(name + ".weight", types[i % types.length], WIDTH, WIDTH));
      tensors.put(name + ".bias", tensor(name + ".bias", TensorType.BF16, WIDTH));
    }
    return tensors;
  }

  private Weights open(Map<String, WeightTensor> tensors) throws IOException {
    TestWeights.write(folder.resolve("model.safetensors"), tensors);
    return Weights.open(folder, TABLE);
  }

  private INDArray input() {
    float[] x = new float[2 * TOKENS * WIDTH];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return NdMemory.copy(MemorySegment.ofArray(x), 2, TOKENS, WIDTH);
  }

  private static List<float[]> heads(StackedLinear layer, INDArray x) {
    return layer.heads(x, HEAD_DIM).stream()
        .map(
            part -> {
              try (part) {
                assertEquals(HEAD_DIM, part.size(3));
                return NdMemory.floats(part);
              }
            })
        .toList();
  }

  @ParameterizedTest
  @CsvSource({
    "F32, false",
    "F32, true",
    "F16, false",
    "BF16, true",
    "F8_E4M3, false",
    "F8_E5M2, true"
  })
  void storedApartOrAsAWholeEqualsThreeLayersToTheBit(TensorType type, boolean bias)
      throws IOException {
    Map<String, WeightTensor> apart = parts(type);
    List<float[]> expected = new ArrayList<>();
    try (INDArray x = input();
        Weights weights = open(apart)) {
      for (String part : PARTS) {
        Linear linear = bias ? Linear.of(weights, part) : Linear.withoutBias(weights, part);
        try (INDArray y = linear.apply(x)) {
          expected.add(NdMemory.floats(y));
        }
      }
      assertSame(expected, heads(WeightShare.WHOLE.stacked(weights, TABLE, "to_qkv", bias), x));
      for (String kind : List.of(".weight", ".bias")) {
        TestWeights.stackRows(
            folder.resolve("model.safetensors"),
            PARTS.stream().map(part -> part + kind).toList(),
            "to_qkv" + kind);
      }
      try (Weights whole = Weights.open(folder, TABLE)) {
        assertEquals(weights.names(), whole.names());
        assertSame(expected, heads(WeightShare.WHOLE.stacked(whole, TABLE, "to_qkv", bias), x));
      }
    }
  }

  private void assertSame(List<float[]> expected, List<float[]> got) {
    assertEquals(expected.size(), got.size());
    for (int i = 0; i < got.size(); i++) {
      assertArrayEquals(expected.get(i), got.get(i), PARTS.get(i) + ", seed " + seed);
    }
  }

  @Test
  void eachPartKeepsItsType() throws IOException {
    try (INDArray x = input();
        Weights weights = open(parts(TensorType.F8_E4M3, TensorType.F32, TensorType.BF16))) {
      List<float[]> heads = heads(WeightShare.WHOLE.stacked(weights, TABLE, "to_qkv", true), x);
      for (int i = 0; i < heads.size(); i++) {
        try (INDArray y = Linear.of(weights, PARTS.get(i)).apply(x)) {
          assertArrayEquals(NdMemory.floats(y), heads.get(i), "seed " + seed);
        }
      }
    }
  }

  /** Of several ranks each has its own heads of query, of key and of value. */
  @ParameterizedTest
  @CsvSource({"2, F32", "3, F8_E4M3", "6, BF16"})
  void ranksDivideEachPart(int world, TensorType type) throws Exception {
    try (INDArray x = input();
        Weights weights = open(parts(type))) {
      List<float[]> whole = heads(WeightShare.WHOLE.stacked(weights, TABLE, "to_qkv", true), x);
      List<List<float[]>> shares =
          InProcess.run(
              world,
              rank -> heads(new WeightShare(rank).stacked(weights, TABLE, "to_qkv", true), x));
      int width = WIDTH / world;
      for (int rank = 0; rank < world; rank++) {
        for (int part = 0; part < PARTS.size(); part++) {
          float[] mine = shares.get(rank).get(part);
          for (int token = 0; token < 2 * TOKENS; token++) {
            for (int i = 0; i < width; i++) {
              float expected = whole.get(part)[token * WIDTH + rank * width + i];
              assertEquals(
                  expected,
                  mine[token * width + i],
                  1e-4f * Math.max(1, Math.abs(expected)),
                  "rank " + rank + ", " + PARTS.get(part) + ", seed " + seed);
            }
          }
        }
      }
    }
  }

  @Test
  void thePartThatIsMissingIsNamed() throws IOException {
    Map<String, WeightTensor> tensors = parts(TensorType.BF16);
    tensors.remove("to_k.weight");
    try (Weights weights = open(tensors)) {
      String message =
          assertThrows(
                  MalformedFileException.class,
                  () -> WeightShare.WHOLE.stacked(weights, TABLE, "to_qkv", true))
              .getMessage();
      assertTrue(message.endsWith("missing tensor to_k.weight"), message);
    }
  }
}
