// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
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
  private static final LibraryCalls.Room FOUR = new LibraryCalls.Room(4, 4, 100);

  private static TornadoTransformer<?> open(
      TransformerShape shape, Optional<LibraryAttention.Library<FloatArray>> library, long seed) {
    FloatActivations floats = new FloatActivations();
    return new TornadoTransformer<>(
        shape,
        floats,
        PlanWeights.read(shape, RandomTransformer.weights(seed), floats, Residence.ALL_BLOCKS),
        library,
        TornadoTarget.chosen(),
        Launching.USUAL);
  }

  private static TransformerShape shape(boolean pictures) {
    return RandomTransformer.shape(new BlockShape.Cross(true, pictures), 2, 3, 20, 70, 3, 2);
  }

  /** Each frame attends to itself and to others by chance, as many as asked for. */
  private static BlockSparseLayout layout(RandomGenerator random, int... counts) {
    return layout(FRAMES, random, counts);
  }

  private static BlockSparseLayout layout(int frames, RandomGenerator random, int... counts) {
    int[] indptr = new int[frames + 1];
    List<Integer> indices = new ArrayList<>();
    for (int frame = 0; frame < frames; frame++) {
      TreeSet<Integer> attended = new TreeSet<>(List.of(frame));
      while (attended.size() < counts[frame % counts.length]) {
        attended.add(random.nextInt(frames));
      }
      indices.addAll(attended);
      indptr[frame + 1] = indices.size();
    }
    return BlockSparseLayout.of(
        frames, indptr, indices.stream().mapToInt(Integer::intValue).toArray());
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
  void theRoomThatWasAskedForIsThereThoughTheFirstPassNeedsNone() {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    long seed = KernelConformance.random().nextInt(1 << 20);
    TransformerShape shape = shape(false);
    TransformerVideo video = new TransformerVideo(FRAMES, 3, 5, new TransformerVideo.Told(7, 0, 1));
    BlockSparseLayout dense = BlockSparseLayout.dense(FRAMES);
    List<String> said = new ArrayList<>();
    try (TornadoTransformer<?> library = open(shape, Optional.of(STAND_IN), seed)) {
      library.prepare(video.withKept(2), (done, all, what) -> said.add(what));
      float[] first = predict(library, shape, video, dense, seed);
      for (int kept : List.of(1, 2)) {
        assertArrayEquals(first, predict(library, shape, video.withKept(kept), dense, seed));
      }
      assertEquals(1, said.stream().filter("ready"::equals).count(), said.toString());
      predict(library, shape, video.withKept(3), dense, seed);
      assertEquals(2, said.stream().filter("ready"::equals).count(), said.toString());
    }
  }

  /** Wan 1.3B's blocks on a card with memory for 42 query frames a call. */
  private static final LibraryCalls.Room CARD = new LibraryCalls.Room(12, 42, 14);

  private static AttentionShape wan(int frames) {
    return new AttentionShape(1, frames, 1560, 0, 12, 12, 128);
  }

  @Test
  void aVideoOfAnyLengthGetsNoMoreCallsThanItsGraphHolds() {
    RandomGenerator random = KernelConformance.random();
    for (int frames : new int[] {81, 101, 121, 131, 161, 241, 400}) {
      BlockSparseLayout layout = layout(frames, random, 5, 6);
      List<LibraryCalls.Part> parts = LibraryCalls.of(wan(frames), layout, CARD);
      assertTrue(rounds(parts) <= 14, frames + " frames: " + rounds(parts));
      int computed = 0;
      for (LibraryCalls.Part part : parts) {
        assertTrue(part.calls().size().batch() <= 42);
        computed += part.calls().rounds() * part.calls().size().batch();
      }
      assertTrue(computed >= frames);
    }
    // Where they fit, calls are as large as they are fastest.
    assertEquals(
        new LibraryCalls(new Sdpa.Sizes(11, 12, 1560, 21 * 1560, 128), 11),
        LibraryCalls.of(wan(121), layout(121, random, 21), CARD).getFirst().calls());
  }

  private static int rounds(List<LibraryCalls.Part> parts) {
    return parts.stream().mapToInt(part -> part.calls().rounds()).sum();
  }

  @Test
  void aVideoTooLongForTheGraphIsRefusedWithWhatHelps() {
    BlockSparseLayout layout = layout(241, KernelConformance.random(), 21);
    LibraryCalls.Room room = new LibraryCalls.Room(12, 12, 14);
    KernelFailedException refused =
        assertThrows(KernelFailedException.class, () -> LibraryCalls.of(wan(241), layout, room));
    assertTrue(refused.getMessage().contains("241 latent frames"), refused.getMessage());
    assertTrue(refused.getMessage().contains("--backend tornado"), refused.getMessage());
    assertEquals(1, refused.getMessage().lines().count());
  }

  /** 21 and 22 attended frames in turn, as where key frames rotate: three plans, then no more. */
  @Test
  void theCallsOfTwoLayoutsThatTakeTurnsEndInOnePlan() {
    RandomGenerator random = KernelConformance.random();
    AttentionShape shape = wan(121);
    BlockSparseLayout one = layout(121, random, 21);
    BlockSparseLayout other = layout(121, random, 22);
    LibraryCalls.Choice first = LibraryCalls.choose(shape, one, CARD, List.of());
    assertEquals(11, first.calls().getFirst().rounds());
    LibraryCalls.Choice second = LibraryCalls.choose(shape, other, CARD, first.calls());
    assertEquals(1, second.calls().size(), "both do not fit");
    LibraryCalls.Choice third = LibraryCalls.choose(shape, one, CARD, second.calls());
    assertEquals(2, third.calls().size());
    assertTrue(third.calls().stream().mapToInt(LibraryCalls::rounds).sum() <= 14);
    for (BlockSparseLayout layout : List.of(one, other)) {
      assertTrue(
          third.calls().contains(LibraryCalls.of(shape, layout, third.room()).getFirst().calls()));
    }
  }

  @Test
  void theRoomOfAGraphIsWhatTornadoVmHas() {
    // The context, two arrays, the runs, where they begin, five sizes; a mark and a number each.
    assertEquals(15 + 10 * 5, GraphRoom.task(10));
    assertEquals(4 * 65 + 70, GraphRoom.call());
    // Wan 1.3B: 27 tensors of 55 bytes, 10 products of 85, 4 norms of heads of 80, 380 of others,
    // and 330 of the cross-attention leave 4827.
    assertEquals(14, GraphRoom.calls(false, 27));
    assertEquals(19, GraphRoom.calls(false, 0));
    assertEquals(11, GraphRoom.calls(true, 32));
    assertEquals(0, GraphRoom.calls(false, 200));
  }

  /**
   * TornadoVM's graph takes the calls of long videos; before, a call for every round of at most 12
   * frames ended in an exception of its buffer.
   */
  @Test
  @Tag("full")
  void aLongVideoOfManyCallsRuns() {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    long seed = KernelConformance.random().nextInt(1 << 20);
    RandomGenerator random = new SplittableRandom(seed);
    int frames = 193;
    TransformerShape shape = shape(false);
    TransformerVideo video = new TransformerVideo(frames, 1, 2, new TransformerVideo.Told(3, 0, 1));
    BlockSparseLayout layout = layout(frames, random, 3);
    try (TornadoTransformer<?> java = open(shape, Optional.empty(), seed);
        TornadoTransformer<?> library = open(shape, Optional.of(STAND_IN), seed)) {
      float[] expected = predict(java, shape, video, layout, seed);
      float[] got = predict(library, shape, video, layout, seed);
      double error = HalfAccuracy.relative(expected, got);
      assertTrue(error < 1e-5, "seed " + seed + ": " + error);
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
        assertThrows(KernelFailedException.class, () -> LibraryCalls.of(shape, layout, FOUR));
    assertTrue(refused.getMessage().contains(why), refused.getMessage());
  }

  @Test
  void callsThatWouldRunInVainForLongAreLeftOut() {
    AttentionShape shape = new AttentionShape(1, FRAMES, 6, 0, 2, 2, 8);
    RandomGenerator random = KernelConformance.random();
    List<LibraryCalls> dense = calls(shape, BlockSparseLayout.dense(FRAMES));
    List<LibraryCalls> two = calls(shape, layout(random, 2));
    List<LibraryCalls> three = calls(shape, layout(random, 3));
    assertEquals(List.of(three.getFirst(), two.getFirst()), LibraryCalls.joined(two, three, 6));
    assertEquals(three, LibraryCalls.joined(two, three, 5), "both have three calls");
    assertEquals(two, LibraryCalls.joined(dense, two, 6));
    assertEquals(two, LibraryCalls.joined(two, two, 6));
    assertEquals(new LibraryCalls(new Sdpa.Sizes(3, 2, 6, 18, 8), 3), three.getFirst());
  }

  private static List<LibraryCalls> calls(AttentionShape shape, BlockSparseLayout layout) {
    return LibraryCalls.of(shape, layout, FOUR).stream().map(LibraryCalls.Part::calls).toList();
  }
}
