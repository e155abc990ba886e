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
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.DeviceTransformer.Work;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerBackend.Storage;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.kernels.transformer.TransformerWeights;

/** Loops over a transformer's blocks on a device, and weights that stay in the host's memory. */
@Tag("full")
class DeviceTransformerTest {
  private static final TransformerShape SHAPE =
      RandomTransformer.shape(new BlockShape.Cross(true, false), 5, 2, 12, 40, 3, 2);

  private static final TransformerVideo VIDEO = new TransformerVideo(3, 3, 5, 7).withKept(2);

  private final long seed = System.nanoTime() % 10_000_000;

  private DeviceTransformer open(Residence residence) {
    TornadoTransformers backend = new TornadoTransformers();
    assumeTrue(backend.availability() instanceof Availability.Available, "no device here");
    TransformerWeights weights = (name, to) -> fill(to, seed + name.hashCode(), 0.5f);
    return backend.open(SHAPE, weights, new Storage(DType.F32, residence), KernelOptions.DEFAULT);
  }

  private static void fill(MemorySegment to, long seed, float range) {
    SplittableRandom random = new SplittableRandom(seed);
    for (long at = 0; at < to.byteSize(); at += Float.BYTES) {
      to.set(ValueLayout.JAVA_FLOAT, at, range * ((float) random.nextDouble() - 0.5f));
    }
  }

  private float[] numbers(int count, int which) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment all = arena.allocate((long) count * Float.BYTES, 64);
      fill(all, seed + which, 2);
      return all.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  private Forward forward(Arena arena) {
    MemorySegment latents = arena.allocate(3L * 3 * 6 * 10 * Float.BYTES, 64);
    fill(latents, seed, 2);
    MemorySegment text = arena.allocate(7L * SHAPE.width() * Float.BYTES, 64);
    fill(text, seed + 1, 2);
    return new Forward(
        VIDEO,
        latents,
        text,
        MemorySegment.NULL,
        numbers(6 * SHAPE.width(), 2),
        numbers(2 * SHAPE.width(), 3),
        new DeviceTransformer.Turns(
            numbers(3 * 2 * 2, 4), numbers(3 * 2 * 2, 5), numbers(5 * 2 * 2, 6)),
        BlockSparseLayout.dense(3));
  }

  private float[] predict(DeviceTransformer transformer, BlockLoop loop) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment out = arena.allocate(2L * 3 * 6 * 10 * Float.BYTES, 64);
      transformer.predict(forward(arena), loop, out);
      return out.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  private static BlockLoop blocks(int... numbers) {
    return pass -> Arrays.stream(numbers).forEach(pass::run);
  }

  @Test
  void weightsThatStayOnTheHostGiveTheSameBitsWhicheverBlocksRun() {
    try (DeviceTransformer resident = open(Residence.ALL_BLOCKS);
        DeviceTransformer offloaded = open(Residence.TWO_BLOCKS)) {
      List<float[]> results = new ArrayList<>();
      for (BlockLoop loop :
          List.of(BlockLoop.ALL, blocks(0, 3, 4), blocks(2), blocks(4, 1, 1, 0), BlockLoop.ALL)) {
        results.add(predict(resident, loop));
        assertArrayEquals(results.getLast(), predict(offloaded, loop), "seed " + seed);
      }
      assertArrayEquals(results.getFirst(), results.getLast(), "seed " + seed);
      for (int i = 1; i < 4; i++) {
        assertTrue(!Arrays.equals(results.getFirst(), results.get(i)), "loop " + i);
      }
    }
  }

  @Test
  void theStreamIsCopiedComparedAndPutTogetherOnTheDevice() {
    try (DeviceTransformer transformer = open(Residence.ALL_BLOCKS)) {
      float[] untouched = predict(transformer, blocks(0));
      List<float[]> changes = new ArrayList<>();
      float[] withCopies =
          predict(
              transformer,
              pass -> {
                pass.run(0);
                pass.combine(1, 0, BlockLoop.Pass.STREAM, 1);
                pass.run(1);
                changes.add(pass.changes(1, BlockLoop.Pass.STREAM, 1));
                changes.add(pass.changes(1, BlockLoop.Pass.STREAM, 2));
                // What block 1 added, which is then taken away again in two halves.
                pass.combine(2, 0, 1, 1);
                pass.combine(2, -1, BlockLoop.Pass.STREAM, 1);
                pass.combine(BlockLoop.Pass.STREAM, 1, 2, -0.5f);
                pass.combine(BlockLoop.Pass.STREAM, 1, 2, -0.5f);
                changes.add(pass.changes(1, BlockLoop.Pass.STREAM, 1));
              });
      double size = 0;
      for (float value : untouched) {
        size = Math.max(size, Math.abs(value));
      }
      assertArrayEquals(untouched, withCopies, (float) (1e-4 * size), "seed " + seed);
      int tokens = VIDEO.tokens();
      for (int token = 0; token < tokens; token++) {
        assertTrue(changes.get(0)[token] > 0, "seed " + seed);
        assertTrue(changes.get(0)[token] > changes.get(1)[token], "seed " + seed);
        assertTrue(changes.get(0)[tokens + token] > changes.get(1)[tokens + token]);
        assertEquals(0, changes.get(2)[token], 1e-4 * changes.get(2)[tokens + token]);
      }
    }
  }

  @Test
  void theDevicesClockCountsTheTransfersOfOffloadedBlocks() {
    try (DeviceTransformer resident = open(Residence.ALL_BLOCKS);
        DeviceTransformer offloaded = open(Residence.TWO_BLOCKS);
        Arena arena = Arena.ofShared()) {
      MemorySegment out = arena.allocate(2L * 3 * 6 * 10 * Float.BYTES, 64);
      Forward forward = forward(arena);
      for (DeviceTransformer one : List.of(resident, offloaded)) {
        one.prepare(VIDEO, Progress.NONE);
        assertTrue(one.measure(forward, out).parts().get(Work.TRANSFERS) > 0);
      }
      float[] measured = out.toArray(ValueLayout.JAVA_FLOAT);
      assertArrayEquals(predict(resident, BlockLoop.ALL), measured, "seed " + seed);
    }
  }

  @Test
  void moreCopiesThanAnArrayHoldsAreRefused() {
    try (DeviceTransformer transformer = open(Residence.ALL_BLOCKS)) {
      TransformerVideo large = new TransformerVideo(1000, 100, 100, 7).withKept(12);
      String said =
          assertThrows(KernelFailedException.class, () -> transformer.prepare(large, Progress.NONE))
              .getMessage();
      assertTrue(said.contains("up to 12 copies of the stream of tokens, 2880000000 "), said);
    }
  }
}
