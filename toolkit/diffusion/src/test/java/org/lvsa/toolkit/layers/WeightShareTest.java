// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.QkvLayer;
import org.lvsa.toolkit.parallel.InProcess;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.Renaming;
import org.lvsa.toolkit.weights.TestWeights;
import org.lvsa.toolkit.weights.WeightTensor;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Layers whose weights several ranks divide, against the same layers on one rank. */
class WeightShareTest {
  private static final int HEADS = 6;
  private static final int WIDTH = 30;
  private static final int TOKENS = 5;
  private static final Renaming TABLE =
      Renaming.NONE.stack("to_qkv\\.(weight|bias)", "to_q.$1", "to_k.$1", "to_v.$1");

  private final long seed = new Random().nextLong();
  private final Random random = new Random(seed);

  private float[] values(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** Weights of an attention's layers, in any type. */
  private Weights weights(Path folder, DType dtype) throws IOException {
    Map<String, WeightTensor> tensors = new TreeMap<>();
    for (String name : List.of("to_q", "to_k", "to_v", "out")) {
      add(tensors, name + ".weight", dtype, WIDTH, WIDTH);
      add(tensors, name + ".bias", dtype, WIDTH);
    }
    TestWeights.write(folder.resolve("diffusion_pytorch_model.safetensors"), tensors);
    return Weights.open(folder);
  }

  private void add(Map<String, WeightTensor> to, String name, DType dtype, int... shape) {
    int count = 1;
    List<Long> sizes = new ArrayList<>();
    for (int size : shape) {
      count *= size;
      sizes.add((long) size);
    }
    to.put(name, TestWeights.tensor(name, dtype, sizes, values(count)));
  }

  /** Query, key and value with an RMS norm over all heads, added up, and the layer behind. */
  private static float[] apply(WeightShare share, Weights weights, float[] x, float[] norm) {
    QkvLayer projection =
        new QkvLayer(share.stacked(weights, TABLE, "to_qkv", true), WIDTH / HEADS);
    Linear out = share.taking(weights, "out");
    try (INDArray tokens = NdMemory.copy(MemorySegment.ofArray(x), 1, TOKENS, WIDTH);
        Qkv qkv = projection.apply(tokens)) {
      INDArray query = qkv.query();
      assertArrayEquals(new long[] {1, TOKENS, share.of(HEADS), WIDTH / HEADS}, query.shape());
      share.rmsNormInPlace(query, share.of(norm), 1e-6);
      Elementwise.add(query, qkv.key());
      Elementwise.add(query, qkv.value());
      try (INDArray y = out.apply(query, new long[] {1, TOKENS, WIDTH})) {
        return NdMemory.floats(y);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"2, F32", "3, F32", "6, BF16", "2, F16"})
  void ranksGiveWhatOneGivesAndSendWhatTheFormulaSays(int world, DType dtype, @TempDir Path folder)
      throws Exception {
    float[] x = values(TOKENS * WIDTH);
    float[] norm = values(WIDTH);
    try (Weights weights = weights(folder, dtype)) {
      float[] expected = apply(WeightShare.WHOLE, weights, x, norm);
      List<float[]> results =
          InProcess.run(
              world,
              rank -> {
                float[] mine = apply(new WeightShare(rank), weights, x, norm);
                // Sums of squares per token, and of the result's numbers: 2 (N-1)/N of each.
                assertEquals(sent(rank.rank(), world), rank.bytesSent());
                return mine;
              });
      for (float[] result : results) {
        assertArrayEquals(results.getFirst(), result, "seed " + seed);
        double squares = 0;
        double size = 0;
        for (int i = 0; i < expected.length; i++) {
          squares += Math.pow(expected[i] - result[i], 2);
          size += Math.pow(expected[i], 2);
        }
        assertEquals(0, Math.sqrt(squares / size), 1e-6, "seed " + seed);
      }
    }
  }

  private static long sent(int rank, int world) {
    long sent = 0;
    for (int numbers : new int[] {TOKENS, TOKENS * WIDTH}) {
      int mine = numbers * (rank + 1) / world - numbers * rank / world;
      sent += numbers - mine + (world - 1L) * mine;
    }
    return sent * Float.BYTES;
  }

  @Test
  void sizesThatDoNotDivideAreRefusedWithNumbersThatDo() {
    WeightShare.check(12, 8960, 4);
    assertEquals(
        "heads must be a multiple of --tensor-parallel-size (5), got 12: try one of [1, 2, 4]",
        assertThrows(IllegalArgumentException.class, () -> WeightShare.check(12, 8960, 5))
            .getMessage());
    assertEquals(
        "features of the feed-forward parts must be a multiple of --tensor-parallel-size (3), got"
            + " 8960: try one of [1, 2, 4]",
        assertThrows(IllegalArgumentException.class, () -> WeightShare.check(12, 8960, 3))
            .getMessage());
  }
}
