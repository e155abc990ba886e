// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.ReferenceAttention;

class VectorKernelTest {

  @TestFactory
  List<DynamicTest> conforms() {
    return KernelConformance.tests(new VectorBackend().open(KernelOptions.DEFAULT), 1e-5);
  }

  @Test
  void theBlockingFollowsTheSpecies() {
    int bits = Lanes.F.vectorBitSize();
    boolean amd64 = System.getProperty("os.arch").equals("amd64");
    List<String> flags = ManagementFactory.getRuntimeMXBean().getInputArguments();
    for (int asked : new int[] {128, 256}) {
      if (amd64 && flags.contains("-XX:MaxVectorSize=" + asked / 8)) {
        assertEquals(asked, bits);
      }
    }
    boolean few = amd64 && bits < 512;
    String tile = Blocking.ROWS + "x" + Blocking.COLUMNS;
    assertTrue((few ? List.of("6x2", "3x3") : List.of("8x2")).contains(tile), tile);
    assertEquals(System.getProperty("lvsa.vectorTile", tile), tile);
    assertEquals("vector-f32x" + bits / 32 + "-" + tile, VectorKernel.NAME);
  }

  @Test
  void isFoundBeforeTheReference() {
    List<AttentionBackend> all = AttentionBackend.fastestFirst();
    assertEquals("vector", all.getFirst().name());
    assertTrue(all.getFirst().availability() instanceof Availability.Available);
  }

  /** Counts what the JVM really allocates: nothing may grow with tokens × tokens. */
  @Test
  void memoryGrowsNoFasterThanTokens() {
    long small = allocated(8);
    long large = allocated(64);
    assertTrue(
        large < 3 * small + (1 << 20), "8 times the tokens: " + small + " bytes became " + large);
  }

  /** Scratch does not depend on the length: 126,360 tokens need no more. */
  @Test
  void aThreadNeedsLessThanOneMiB() {
    long perThread =
        ChunkAttention.scratchBytes(128, VectorKernel.mostQueries(128, Integer.MAX_VALUE));
    assertTrue(perThread < 1 << 20, perThread + " bytes a thread");
  }

  /** Queries, outputs and a tile of keys and values stay in the second-level cache. */
  @Test
  void aChunkFitsTheCache() {
    for (int cache : new int[] {256 << 10, 512 << 10, 1 << 20}) {
      for (int headDim : new int[] {40, 64, 128}) {
        int queries = VectorKernel.mostQueries(headDim, cache);
        assertTrue(
            queries >= Blocking.BLOCK && queries % Blocking.BLOCK == 0, queries + " queries");
        assertTrue(
            queries == Blocking.BLOCK || ChunkAttention.scratchBytes(headDim, queries) < cache,
            queries + " queries of " + headDim + " in " + cache);
      }
    }
  }

  /** A kernel keeps its memory: what an earlier problem left there has no effect, bit by bit. */
  @Test
  void runsGiveTheSameBitsWhateverRanBefore() {
    try (Arena arena = Arena.ofShared();
        VectorKernel used = new VectorKernel()) {
      for (int headDim : new int[] {128, 40, 300, 64, 128}) {
        AttentionShape shape = new AttentionShape(1, 6, 50, 9, 2, 2, headDim);
        AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 0.5, 1, headDim, arena);
        AttentionOutput first = AttentionOutput.allocate(shape, arena);
        AttentionOutput again = AttentionOutput.allocate(shape, arena);
        used.run(problem, first);
        try (VectorKernel fresh = new VectorKernel()) {
          fresh.run(problem, again);
        }
        assertEquals(-1, first.out().mismatch(again.out()), "headDim " + headDim);
      }
    }
  }

  /** Keys of more than 128 dimensions lie in several slabs. */
  @Test
  void headsOfSeveralSlabsAreRight() {
    for (int headDim : new int[] {129, 130, 256, 300}) {
      try (Arena arena = Arena.ofShared();
          VectorKernel kernel = new VectorKernel()) {
        AttentionShape shape = new AttentionShape(1, 4, 40, 0, 1, 1, headDim);
        AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 0.5, 1, 3, arena);
        AttentionOutput exact = AttentionOutput.allocate(shape, arena);
        ReferenceAttention.run(problem, exact);
        AttentionOutput output = AttentionOutput.allocate(shape, arena);
        kernel.run(problem, output);
        double error = KernelConformance.relativeError(output.out(), exact.out());
        assertTrue(error < 1e-5, "headDim " + headDim + ": relative error " + error);
      }
    }
  }

  @Test
  void aHeadTooLargeForItsArraysIsRefusedByName() {
    AttentionShape shape = new AttentionShape(1, 1, 1, 0, 1, 1, (1 << 20) + 1);
    assertEquals(
        "headDim must be at most 1048576, got 1048577",
        new VectorKernel().unsupported(shape, DType.F32).orElseThrow());
  }

  /**
   * Padding of a text is thousands of keys that are alike: were their weights added to the sum one
   * by one, each would be rounded the same way.
   */
  @Test
  void thousandsOfLikeKeysDoNotRoundOneWay() {
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = new AttentionShape(1, 1, 3000, 0, 1, 1, 16);
      AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 0, 1, 7, arena);
      for (int token = 10; token < shape.tokens(); token++) {
        long row = shape.headDim() * (long) Float.BYTES;
        MemorySegment.copy(problem.key(), 10 * row, problem.key(), token * row, row);
        MemorySegment.copy(problem.value(), 10 * row, problem.value(), token * row, row);
      }
      AttentionOutput exact = AttentionOutput.allocate(shape, arena);
      ReferenceAttention.run(problem, exact);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      new VectorKernel().run(problem, output);
      double error = KernelConformance.relativeError(output.out(), exact.out());

      assertTrue(error < 5e-6, "relative error " + error);
    }
  }

  private static long allocated(int frames) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Arena arena = Arena.ofShared()) {
      AttentionShape shape = new AttentionShape(1, frames, 64, 0, 1, 1, 32);
      AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 0, 1, 1, arena);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      VectorKernel kernel = new VectorKernel();
      for (int i = 0; i < 30; i++) {
        kernel.run(problem, output);
      }
      long least = Long.MAX_VALUE;
      for (int i = 0; i < 10; i++) {
        long before = threads.getTotalThreadAllocatedBytes();
        KernelRun run = kernel.run(problem, output);
        least = Math.min(least, threads.getTotalThreadAllocatedBytes() - before);
        assertTrue(run.extraBytes() < 8L << 20);
      }
      return least;
    }
  }
}
