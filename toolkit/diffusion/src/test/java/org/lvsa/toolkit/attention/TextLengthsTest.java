// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Texts of different lengths in one batch: each attends with its own video alone. */
class TextLengthsTest {
  private static final int PATCHES = 6;
  private static final int HEADS = 2;
  private static final int HEAD_DIM = 5;

  private final long seed = System.nanoTime();
  private final SplittableRandom random = new SplittableRandom(seed);

  private float[] values(int tokens) {
    float[] values = new float[tokens * HEADS * HEAD_DIM];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return values;
  }

  private static INDArray tensor(int batch, float[]... elements) {
    int length = Arrays.stream(elements).mapToInt(its -> its.length).max().orElseThrow();
    float[] all = new float[batch * length];
    // What stands behind a shorter text may be anything.
    Arrays.fill(all, Float.NaN);
    for (int element = 0; element < batch; element++) {
      System.arraycopy(elements[element], 0, all, element * length, elements[element].length);
    }
    return NdMemory.copy(
        MemorySegment.ofArray(all), batch, length / HEADS / HEAD_DIM, HEADS, HEAD_DIM);
  }

  /** Dense within the horizon of 7 latent frames, sparse beyond; with the hook and without it. */
  @ParameterizedTest
  @CsvSource({"7, true", "14, true", "14, false"})
  void eachTextAttendsForItself(int frames, boolean hook) {
    int[] lengths = {5, 2, 9};
    float[][][] videos = new float[lengths.length][3][];
    float[][][] texts = new float[lengths.length][3][];
    for (int element = 0; element < lengths.length; element++) {
      for (int kind = 0; kind < 3; kind++) {
        videos[element][kind] = values(frames * PATCHES);
        texts[element][kind] = values(lengths[element]);
      }
    }
    AttentionProcessor processor =
        hook ? new LvsaProcessor("hunyuan") : new BackendProcessor("LVSA_HUNYUAN_HOOK=1");
    try (Generation generation = generation(frames)) {
      Attended together =
          processor.attend(
              generation, 0, qkv(videos, List.of()), Optional.of(qkv(texts, List.of(5, 2, 9))));
      for (int element = 0; element < lengths.length; element++) {
        Attended alone =
            processor.attend(
                generation,
                0,
                qkv(new float[][][] {videos[element]}, List.of()),
                Optional.of(qkv(new float[][][] {texts[element]}, List.of())));
        same(alone.video(), together.video(), element);
        same(alone.text().orElseThrow(), together.text().orElseThrow(), element);
      }
    }
  }

  private static Qkv qkv(float[][][] elements, List<Integer> counts) {
    INDArray[] tensors = new INDArray[3];
    for (int kind = 0; kind < 3; kind++) {
      int of = kind;
      float[][] its = Arrays.stream(elements).map(element -> element[of]).toArray(float[][]::new);
      tensors[kind] = tensor(elements.length, its);
    }
    return new Qkv(tensors[0], tensors[1], tensors[2], counts);
  }

  /** One element's rows, and zeros behind them. */
  private void same(INDArray alone, INDArray together, int element) {
    float[] expected = NdMemory.floats(alone);
    float[] all = NdMemory.floats(together);
    int length = Math.toIntExact(together.length() / together.size(0));
    float[] its = Arrays.copyOfRange(all, element * length, (element + 1) * length);
    assertArrayEquals(expected, Arrays.copyOf(its, expected.length), 1e-6f, "seed " + seed);
    for (int i = expected.length; i < length; i++) {
      assertEquals(0, its[i], "seed " + seed);
    }
  }

  private static Generation generation(int frames) {
    return new Generation(
        GenerationOptions.of(
                TestConfig.of(
                    Map.of("LVSA_BACKEND", "vector", "DIFFUSION_ATTENTION_BACKEND", "LVSA"),
                    "LVSA_AUTO_KEYFRAMES",
                    "1",
                    "LVSA_REFERENCE_LATENT_FRAMES",
                    "7"))
            .withLatentFrames(frames),
        LineLog.none());
  }
}
