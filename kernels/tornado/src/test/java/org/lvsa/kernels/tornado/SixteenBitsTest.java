// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.TransformerBackend.Need;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerBackend.Storage;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;

/** What the host does for transformers in 16 bits. */
class SixteenBitsTest {
  /** More than a thread takes at once, behind elements that stay as they are. */
  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void numbersAreRoundedToTheNearest(DType dtype) {
    SixteenBits bits = dtype == DType.F16 ? new HalfActivations() : new Bf16Activations();
    assertEquals(dtype, bits.dtype());
    SplittableRandom random = new SplittableRandom(System.nanoTime());
    int count = SixteenBits.CHUNK + 1001;
    HalfFloatArray to = bits.array(count + 3);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment floats = arena.allocate((long) count * Float.BYTES, 64);
      for (int i = 0; i < count; i++) {
        floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      bits.write(floats, to, 3);
      MemorySegment one = arena.allocate(Short.BYTES, 8);
      for (int i = 0; i < count; i++) {
        dtype.set(one, 0, floats.getAtIndex(ValueLayout.JAVA_FLOAT, i));
        float expected = dtype.get(one, 0);
        assertEquals(expected, dtype.get(to.getSegment(), i + 3L), "element " + i);
      }
      for (int i = 0; i < 3; i++) {
        assertEquals(0f, dtype.get(to.getSegment(), i));
      }
    }
  }

  @Test
  void bf16TakesTheMemoryOfFp16() {
    TransformerShape shape =
        RandomTransformer.shape(new BlockShape.Cross(true, true), 3, 2, 128, 640, 16, 16);
    TransformerVideo video = new TransformerVideo(5, 6, 7, 32);
    List<Need> half = memory(shape, video, DType.F16);
    assertEquals(half, memory(shape, video, DType.BF16));
    Need wide = memory(shape, video, DType.F32).getFirst();
    assertEquals("weights", wide.part());
    assertTrue(half.getFirst().bytes() < 0.6 * wide.bytes(), half + " " + wide);
  }

  private static List<Need> memory(TransformerShape shape, TransformerVideo video, DType dtype) {
    return new TornadoTransformers().memory(shape, video, new Storage(dtype, Residence.ALL_BLOCKS));
  }
}
