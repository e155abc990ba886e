// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerBackend.Storage;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;

/** Blocks in which a text attends together with the video, against {@link JointReference}. */
@Tag("full")
class JointTransformerTest {
  private static final int LAYERS = 3;

  /** Tokens of a text, at most. */
  private static final int ROOM = 11;

  private static final TransformerShape SHAPE =
      RandomTransformer.shape(new BlockShape.Joint(), LAYERS, 3, 20, 70, 3, 2);

  private static final TransformerVideo VIDEO = new TransformerVideo(4, 3, 5, ROOM).withKept(1);

  /** Each frame sees itself and the first one, the last one also those before it. */
  private static final BlockSparseLayout SPARSE =
      BlockSparseLayout.of(4, new int[] {0, 1, 3, 5, 9}, new int[] {0, 0, 1, 0, 2, 0, 1, 2, 3});

  private final long seed = KernelConformance.random().nextInt(1 << 20);

  private DeviceTransformer open(Residence residence) {
    TornadoTransformers backend = new TornadoTransformers();
    assumeTrue(backend.availability() instanceof Availability.Available, "no device here");
    return backend.open(
        SHAPE,
        RandomTransformer.weights(seed),
        new Storage(DType.F32, residence),
        KernelOptions.DEFAULT);
  }

  /** Inputs whose text has so many tokens. */
  private Forward forward(Arena arena, BlockSparseLayout layout, int textTokens) {
    Forward all = RandomTransformer.forward(arena, SHAPE, VIDEO, layout, seed);
    return new Forward(
        VIDEO,
        all.latents(),
        all.text().asSlice(0, (long) textTokens * SHAPE.width() * Float.BYTES),
        all.pictures(),
        all.time(),
        all.headTime(),
        all.turns(),
        layout);
  }

  private static float[] predict(DeviceTransformer transformer, Forward forward, BlockLoop loop) {
    try (Arena arena = Arena.ofShared()) {
      long values = (long) VIDEO.tokens() * SHAPE.patch().outChannels() * SHAPE.patch().size();
      MemorySegment out = arena.allocate(values * Float.BYTES, 64);
      transformer.predict(forward, loop, out);
      float[] velocity = out.toArray(ValueLayout.JAVA_FLOAT);
      for (float value : velocity) {
        assertTrue(Float.isFinite(value), "finite");
      }
      return velocity;
    }
  }

  private static BlockLoop blocks(int... numbers) {
    return pass -> Arrays.stream(numbers).forEach(pass::run);
  }

  @Test
  void textsOfAnyLengthAndLayoutsEqualTheReferenceWithOnePlan() {
    JointReference reference = new JointReference(SHAPE, RandomTransformer.weights(seed));
    int[] all = IntStream.range(0, LAYERS).toArray();
    List<String> said = new ArrayList<>();
    try (DeviceTransformer transformer = open(Residence.ALL_BLOCKS);
        Arena arena = Arena.ofShared()) {
      transformer.prepare(VIDEO, (done, of, what) -> said.add(what));
      said.clear();
      for (BlockSparseLayout layout : List.of(BlockSparseLayout.dense(4), SPARSE)) {
        for (int textTokens : new int[] {ROOM, 1, 6, ROOM}) {
          Forward forward = forward(arena, layout, textTokens);
          float[] expected = reference.predict(forward, all);
          float[] got = predict(transformer, forward, BlockLoop.ALL);
          double error = HalfAccuracy.relative(expected, got);
          assertTrue(error < 1e-5, textTokens + " tokens, seed " + seed + ": " + error);
        }
      }
      assertEquals(List.of(), said, "nothing is compiled or uploaded again");
    }
  }

  @Test
  void weightsThatStayOnTheHostGiveTheSameBits() {
    try (DeviceTransformer resident = open(Residence.ALL_BLOCKS);
        DeviceTransformer offloaded = open(Residence.TWO_BLOCKS);
        Arena arena = Arena.ofShared()) {
      Forward forward = forward(arena, SPARSE, 6);
      for (BlockLoop loop : List.of(BlockLoop.ALL, blocks(2, 0), blocks(1, 1))) {
        float[] expected = predict(resident, forward, loop);
        assertArrayEquals(expected, predict(offloaded, forward, loop), "seed " + seed);
      }
    }
  }

  @Test
  void copiesOfTheStreamHoldTheTextToo() {
    try (DeviceTransformer transformer = open(Residence.ALL_BLOCKS);
        Arena arena = Arena.ofShared()) {
      Forward forward = forward(arena, SPARSE, 6);
      float[] without = predict(transformer, forward, blocks(0, 2));
      List<float[]> changes = new ArrayList<>();
      float[] takenBack =
          predict(
              transformer,
              forward,
              pass -> {
                pass.run(0);
                pass.combine(1, 0, BlockLoop.Pass.STREAM, 1);
                pass.run(1);
                changes.add(pass.changes(1, BlockLoop.Pass.STREAM, 1));
                pass.combine(BlockLoop.Pass.STREAM, 0, 1, 1);
                pass.run(2);
              });
      assertArrayEquals(without, takenBack, "seed " + seed);
      assertEquals(2 * VIDEO.tokens(), changes.getFirst().length, "the video's tokens alone");
      assertFalse(Arrays.equals(without, predict(transformer, forward, BlockLoop.ALL)));
    }
  }

  @Test
  void moreTextThanThereIsRoomForIsRefused() {
    TransformerVideo small = new TransformerVideo(4, 3, 5, 5);
    try (DeviceTransformer transformer = open(Residence.ALL_BLOCKS);
        Arena arena = Arena.ofShared()) {
      Forward six = forward(arena, SPARSE, 6);
      Forward other =
          new Forward(
              small,
              six.latents(),
              six.text(),
              six.pictures(),
              six.time(),
              six.headTime(),
              six.turns(),
              SPARSE);
      String said =
          assertThrows(
                  IllegalArgumentException.class, () -> predict(transformer, other, BlockLoop.ALL))
              .getMessage();
      assertEquals("the text must have 1 to 5 tokens, got 6", said);
    }
  }
}
