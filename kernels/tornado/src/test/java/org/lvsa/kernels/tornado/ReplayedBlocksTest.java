// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.DeviceTransformer.ForwardTimes;
import org.lvsa.kernels.transformer.DeviceTransformer.Work;
import org.lvsa.kernels.transformer.TransformerBackend;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerBackend.Storage;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;

/**
 * Blocks that are recorded and launched as one graph of the driver's give the same bytes as blocks
 * whose tasks are launched one by one, on a device with tensor cores, or on the emulator of one.
 */
@Tag("gpu")
class ReplayedBlocksTest {
  private static final int FRAMES = 4;
  private static final String ONE_GRAPH = "one graph";

  /** Frames that attend to two and to three others. */
  private static final BlockSparseLayout SPARSE =
      BlockSparseLayout.of(
          FRAMES, new int[] {0, 2, 5, 8, 10}, new int[] {0, 1, 0, 1, 2, 0, 2, 3, 0, 3});

  private final long seed = System.nanoTime() % 10_000_000;
  private String told = "";

  private DeviceTransformer open(
      String name, TransformerShape shape, Storage storage, Launching launching) {
    TransformerBackend backend =
        name.equals("cudnn")
            ? new CuDnnTransformers(launching)
            : new TornadoTransformers(launching);
    assumeTrue(backend.availability() instanceof Availability.Available, "no device here");
    Optional<String> why = backend.unsupported(shape, DType.F16, KernelOptions.DEFAULT);
    assumeTrue(why.isEmpty(), () -> why.orElse(""));
    return backend.open(shape, RandomTransformer.weights(seed), storage, KernelOptions.DEFAULT);
  }

  private static TransformerShape shape(String kind) {
    BlockShape blocks =
        switch (kind) {
          case "cross" -> new BlockShape.Cross(true, false);
          case "joint" -> new BlockShape.Joint();
          default -> new BlockShape.Shared(40, false);
        };
    return RandomTransformer.shape(blocks, 3, 2, kind.equals("shared") ? 64 : 128, 200, 3, 2);
  }

  private float[] predict(
      DeviceTransformer transformer,
      TransformerShape shape,
      TransformerVideo video,
      BlockSparseLayout layout,
      int which,
      BlockLoop loop) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment out = out(arena, shape, video);
      transformer.prepare(video, (done, all, what) -> told += what + "\n");
      transformer.predict(
          RandomTransformer.forward(arena, shape, video, layout, seed + which), loop, out);
      return out.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  private static MemorySegment out(Arena arena, TransformerShape shape, TransformerVideo video) {
    long numbers = (long) video.tokens() * shape.patch().outChannels() * shape.patch().size();
    return arena.allocate(numbers * Float.BYTES, 64);
  }

  @ParameterizedTest
  @CsvSource({
    "F16, tornado, cross, ALL_BLOCKS",
    "F16, tornado, cross, TWO_BLOCKS",
    "F16, cudnn, cross, ALL_BLOCKS",
    "F16, cudnn, cross, TWO_BLOCKS",
    "F16, tornado, joint, ALL_BLOCKS",
    "F16, tornado, shared, ALL_BLOCKS",
    "BF16, tornado, cross, ALL_BLOCKS",
    "F32, tornado, cross, ALL_BLOCKS",
  })
  void everyPassGivesTheSameBytes(DType dtype, String name, String kind, Residence residence) {
    TransformerShape shape = shape(kind);
    TransformerVideo video = new TransformerVideo(FRAMES, 5, 7, 9);
    Storage storage = new Storage(dtype, residence);
    try (DeviceTransformer singly = open(name, shape, storage, Launching.SINGLY);
        DeviceTransformer replayed = open(name, shape, storage, Launching.REPLAYED)) {
      float[] last = {};
      for (int which = 0; which < 4; which++) {
        // Layouts and inputs change from one pass to the next, and no plan may keep them.
        BlockSparseLayout layout = which % 2 == 0 ? SPARSE : BlockSparseLayout.dense(FRAMES);
        told = "";
        float[] expected = predict(singly, shape, video, layout, which, BlockLoop.ALL);
        assertFalse(told.contains(ONE_GRAPH), told);
        float[] got = predict(replayed, shape, video, layout, which, BlockLoop.ALL);
        assertArrayEquals(expected, got, "pass " + which + ", seed " + seed);
        assertFalse(Arrays.equals(last, got), "seed " + seed);
        last = got;
        if (which == 0) {
          assertTrue(told.contains(ONE_GRAPH) || name.equals("cudnn"), told);
        }
      }
      assertTrue(replays(replayed));
    }
  }

  private static boolean replays(DeviceTransformer transformer) {
    return ((TornadoTransformer<?>) transformer).replays();
  }

  /** A step cache leaves blocks out, and its graph runs between two blocks. */
  @Test
  void blocksCanBeLeftOut() {
    TransformerShape shape = shape("cross");
    TransformerVideo video = new TransformerVideo(FRAMES, 5, 7, 9).withKept(2);
    Storage storage = new Storage(DType.F16, Residence.ALL_BLOCKS);
    BlockLoop loop =
        pass -> {
          pass.run(0);
          pass.combine(1, 0, BlockLoop.Pass.STREAM, 1);
          pass.run(2);
          pass.combine(BlockLoop.Pass.STREAM, 1, 1, 0.5f);
        };
    try (DeviceTransformer singly = open("tornado", shape, storage, Launching.SINGLY);
        DeviceTransformer replayed = open("tornado", shape, storage, Launching.REPLAYED)) {
      for (BlockLoop one : List.of(BlockLoop.ALL, loop, BlockLoop.ALL)) {
        assertArrayEquals(
            predict(singly, shape, video, SPARSE, 0, one),
            predict(replayed, shape, video, SPARSE, 0, one),
            "seed " + seed);
      }
      assertTrue(replays(replayed));
    }
  }

  /** A kept output takes away the threads of the tasks that would compute it. */
  @Test
  void keptOutputsAreNotReplayed() {
    TransformerShape shape = shape("cross");
    TransformerVideo video =
        new TransformerVideo(FRAMES, 5, 7, 9).withOutputs(Set.of(BlockLoop.Attention.CROSS));
    Storage storage = new Storage(DType.F16, Residence.ALL_BLOCKS);
    try (DeviceTransformer replayed = open("tornado", shape, storage, Launching.REPLAYED)) {
      predict(replayed, shape, video, SPARSE, 0, BlockLoop.ALL);
      assertFalse(replays(replayed));
    }
  }

  /** A record has no times of tasks: who asks for them gets another plan. */
  @Test
  void aMeasuredPassHasTimesOfAllKinds() {
    TransformerShape shape = shape("cross");
    TransformerVideo video = new TransformerVideo(FRAMES, 5, 7, 9);
    Storage storage = new Storage(DType.F16, Residence.ALL_BLOCKS);
    try (DeviceTransformer replayed = open("tornado", shape, storage, Launching.REPLAYED);
        Arena arena = Arena.ofShared()) {
      float[] expected = predict(replayed, shape, video, SPARSE, 0, BlockLoop.ALL);
      assertTrue(replays(replayed));
      MemorySegment out = out(arena, shape, video);
      ForwardTimes times =
          replayed.measure(RandomTransformer.forward(arena, shape, video, SPARSE, seed), out);
      assertTrue(times.parts().get(Work.PRODUCTS) > 0, times.toString());
      assertTrue(times.parts().get(Work.ATTENTION) > 0, times.toString());
      assertArrayEquals(expected, out.toArray(ValueLayout.JAVA_FLOAT), "seed " + seed);
      assertFalse(replays(replayed));
    }
  }
}
