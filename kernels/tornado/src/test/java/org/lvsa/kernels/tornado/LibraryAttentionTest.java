// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockRows;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.TokenBlocks;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * A transformer whose attention is a library's, with a kernel in Java in the library's place: all
 * that is around the library's calls must give what the kernels in Java give.
 */
class LibraryAttentionTest {
  private static final LibraryAttention.Library<FloatArray> STAND_IN =
      new LibraryAttention.Library<>("standin", new FloatSdpa(), new FloatActivations().moves());

  private static final int FRAMES = 9;

  private static TornadoTransformer<?> open(
      TransformerShape shape, Optional<LibraryAttention.Library<FloatArray>> library, long seed) {
    FloatActivations floats = new FloatActivations();
    return new TornadoTransformer<>(
        shape,
        floats,
        PlanWeights.read(shape, RandomTransformer.weights(seed), floats, Residence.ALL_BLOCKS),
        library,
        TornadoTarget.chosen());
  }

  private static TransformerShape shape(boolean pictures) {
    return RandomTransformer.shape(new BlockShape.Cross(true, pictures), 2, 3, 20, 70, 3, 2);
  }

  /** Each frame attends to itself and to others by chance, as many as asked for. */
  private static BlockSparseLayout layout(RandomGenerator random, int... counts) {
    int[] indptr = new int[FRAMES + 1];
    List<Integer> indices = new ArrayList<>();
    for (int frame = 0; frame < FRAMES; frame++) {
      TreeSet<Integer> attended = new TreeSet<>(List.of(frame));
      while (attended.size() < counts[frame % counts.length]) {
        attended.add(random.nextInt(FRAMES));
      }
      indices.addAll(attended);
      indptr[frame + 1] = indices.size();
    }
    return BlockSparseLayout.of(
        FRAMES, indptr, indices.stream().mapToInt(Integer::intValue).toArray());
  }

  private static float[] predict(
      DeviceTransformer transformer,
      TransformerShape shape,
      TransformerVideo video,
      BlockSparseLayout layout,
      long seed) {
    try (Arena arena = Arena.ofShared()) {
      int values = video.tokens() * shape.patch().outChannels() * shape.patch().size();
      MemorySegment out = arena.allocate(values * Float.BYTES, 64);
      transformer.predict(RandomTransformer.forward(arena, shape, video, layout, seed), out);
      return out.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @Tag("full")
  void equalsTheKernelsInJavaAndKeepsThePlanWhereKeyFramesRotate(boolean pictures) {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    long seed = KernelConformance.random().nextInt(1 << 20);
    RandomGenerator random = new SplittableRandom(seed);
    TransformerShape shape = shape(pictures);
    TransformerVideo video =
        new TransformerVideo(FRAMES, 3, 5, new TransformerVideo.Told(7, pictures ? 4 : 0, 1));
    List<String> said = new ArrayList<>();
    try (TornadoTransformer<?> java = open(shape, Optional.empty(), seed);
        TornadoTransformer<?> library = open(shape, Optional.of(STAND_IN), seed)) {
      library.prepare(video, (done, all, what) -> said.add(what));
      assertEquals(List.of(), said, "the layout decides");
      BlockSparseLayout four = layout(random, 4);
      BlockSparseLayout five = layout(random, 5);
      List<BlockSparseLayout> layouts =
          List.of(
              BlockSparseLayout.dense(FRAMES), four, five, layout(random, 4), layout(random, 2, 6));
      for (BlockSparseLayout layout : layouts) {
        float[] expected = predict(java, shape, video, layout, seed);
        float[] got = predict(library, shape, video, layout, seed);
        double error = HalfAccuracy.relative(expected, got);
        assertTrue(error < 1e-5, layout + ", seed " + seed + ": " + error);
      }
      assertEquals("standin-sdpa", library.kernels().attention());
      // Dense; 4; 4 and 5, which serves 4 too; the last one.
      assertEquals(4, said.stream().filter(what -> what.equals("ready")).count());
    }
  }

  @Test
  void layoutsThatALibraryCannotComputeAreRefused() {
    AttentionShape shape = new AttentionShape(1, 2, 3, 0, 1, 1, 8);
    BlockSparseLayout blocks =
        BlockSparseLayout.ofBlocks(
            TokenBlocks.of(
                new int[] {3, 3},
                new int[] {2, 4},
                BlockRows.of(2, new int[] {0, 1, 2}, new int[] {0, 1})));
    assertRefused(shape, blocks, "token blocks");
    BlockSparseLayout nothing = BlockSparseLayout.of(2, new int[] {0, 1, 1}, new int[] {1});
    assertRefused(shape, nothing, "frame 1");
  }

  private static void assertRefused(AttentionShape shape, BlockSparseLayout layout, String why) {
    KernelFailedException refused =
        assertThrows(KernelFailedException.class, () -> LibraryCalls.of(shape, layout, 4));
    assertTrue(refused.getMessage().contains(why), refused.getMessage());
  }

  @Test
  void callsThatWouldRunInVainForLongAreLeftOut() {
    AttentionShape shape = new AttentionShape(1, FRAMES, 6, 0, 2, 2, 8);
    RandomGenerator random = KernelConformance.random();
    List<LibraryCalls> dense = calls(shape, BlockSparseLayout.dense(FRAMES));
    List<LibraryCalls> two = calls(shape, layout(random, 2));
    List<LibraryCalls> three = calls(shape, layout(random, 3));
    assertEquals(List.of(three.getFirst(), two.getFirst()), LibraryCalls.joined(two, three));
    assertEquals(two, LibraryCalls.joined(dense, two));
    assertEquals(two, LibraryCalls.joined(two, two));
    assertEquals(new LibraryCalls(new Sdpa.Sizes(3, 2, 6, 18, 8), 3), three.getFirst());
  }

  private static List<LibraryCalls> calls(AttentionShape shape, BlockSparseLayout layout) {
    return LibraryCalls.of(shape, layout, 4).stream().map(LibraryCalls.Part::calls).toList();
  }
}
