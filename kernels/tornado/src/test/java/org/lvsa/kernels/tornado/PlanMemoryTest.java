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
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.kernels.TokenOrders;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerBackend.Storage;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;

/** What a closed plan took of the device's memory, it gives back. */
@Tag("full")
class PlanMemoryTest {
  private static final TransformerShape SHAPE =
      RandomTransformer.shape(new BlockShape.Cross(true, false), 5, 2, 12, 40, 3, 2);

  private final long seed = KernelConformance.random().nextInt(1 << 20);

  @BeforeEach
  void aDevice() {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
  }

  private static DeviceMemoryUse use() {
    return new DeviceMemoryUse(TornadoTarget.chosen());
  }

  private static TransformerVideo video(int frames, int kept) {
    return new TransformerVideo(frames, 3, 5, 7).withKept(kept);
  }

  private DeviceTransformer open(Residence residence) {
    return new TornadoTransformers()
        .open(
            SHAPE,
            RandomTransformer.weights(seed),
            new Storage(DType.F32, residence),
            KernelOptions.DEFAULT);
  }

  private float[] predict(DeviceTransformer transformer, int frames) {
    TransformerVideo video = video(frames, 0);
    try (Arena arena = Arena.ofShared()) {
      TransformerShape.Patch patch = SHAPE.patch();
      long numbers = (long) video.tokens() * patch.outChannels() * patch.size();
      MemorySegment out = arena.allocate(numbers * Float.BYTES, 64);
      transformer.predict(
          RandomTransformer.forward(arena, SHAPE, video, BlockSparseLayout.dense(frames), seed),
          out);
      return out.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  @Test
  void transformersOfSeveralSizesGiveBackWhatTheyTook() {
    DeviceMemoryUse use = use();
    long before = use.bytes();
    for (Residence residence : Residence.values()) {
      int kept = residence == Residence.TWO_BLOCKS ? 2 : 0;
      long last = before;
      try (DeviceTransformer transformer = open(residence)) {
        for (int frames : new int[] {2, 4}) {
          transformer.prepare(video(frames, kept), Progress.NONE);
          predict(transformer, frames);
          assertTrue(use.bytes() > last, "a larger video takes more");
          last = use.bytes();
          transformer.release();
          assertEquals(before, use.bytes(), residence + ", " + frames);
        }
      }
    }
  }

  @Test
  void aClosedTransformerLeavesAnotherOneAsItWas() {
    DeviceMemoryUse use = use();
    long before = use.bytes();
    try (DeviceTransformer stays = open(Residence.ALL_BLOCKS)) {
      float[] expected = predict(stays, 3);
      long taken = use.bytes();
      try (DeviceTransformer goes = open(Residence.ALL_BLOCKS)) {
        assertArrayEquals(expected, predict(goes, 3), "seed " + seed);
        assertTrue(use.bytes() > taken, "both take memory");
      }
      assertEquals(taken, use.bytes());
      assertArrayEquals(expected, predict(stays, 3), "seed " + seed);
    }
    assertEquals(before, use.bytes());
  }

  @Test
  void twoThatDoNotFitTogetherFitOneBehindTheOther() {
    DeviceMemoryUse use = use();
    long before = use.bytes();
    long left = use.left();
    float[] expected;
    long taken;
    try (DeviceTransformer alone = open(Residence.ALL_BLOCKS)) {
      expected = predict(alone, 3);
      taken = use.bytes() - before;
    }
    use.leave(taken + taken / 2);
    try {
      for (int turn = 0; turn < 3; turn++) {
        try (DeviceTransformer one = open(Residence.ALL_BLOCKS)) {
          assertArrayEquals(expected, predict(one, 3), "seed " + seed);
          try (DeviceTransformer other = open(Residence.ALL_BLOCKS)) {
            assertThrows(KernelFailedException.class, () -> predict(other, 3));
          }
          // The one that failed gave back what it had got.
          assertEquals(before + taken, use.bytes());
        }
        assertEquals(before, use.bytes());
      }
    } finally {
      use.leave(left);
    }
  }

  @Test
  void attentionGivesBackWhatItTookWithOrdersOfTokensToo() {
    DeviceMemoryUse use = use();
    long before = use.bytes();
    for (int frames : new int[] {2, 5}) {
      AttentionShape shape = new AttentionShape(1, frames, 10, 0, 2, 1, 64);
      int[] reversed = new int[shape.tokens()];
      Arrays.setAll(reversed, i -> reversed.length - 1 - i);
      try (Arena arena = Arena.ofShared();
          TornadoKernel kernel = (TornadoKernel) new TornadoBackend().open(KernelOptions.DEFAULT)) {
        AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 1, 1, 5, arena).dense();
        AttentionOutput output = AttentionOutput.allocate(shape, arena);
        for (TokenOrders orders :
            List.of(
                TokenOrders.of(TokenOrder.identity(shape.tokens())),
                TokenOrders.of(new TokenOrder(reversed)))) {
          try (TornadoAttention prepared =
              (TornadoAttention) kernel.prepare(problem.inputs(), orders)) {
            prepared.run(problem.layout(), output);
            prepared.run(problem.layout(), output);
          }
          assertTrue(use.bytes() > before, "nothing was taken");
        }
      }
      assertEquals(before, use.bytes(), frames + " frames");
    }
  }
}
