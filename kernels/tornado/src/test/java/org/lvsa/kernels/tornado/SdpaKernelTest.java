// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.ReferenceAttention;
import org.lvsa.kernels.TokenBlocks;

/**
 * The backend's own work: batches, copies, conversions. The attention itself is cuDNN's where there
 * is one, else a kernel in Java, so that everything else is tested on PoCL's CPU device too.
 */
class SdpaKernelTest {
  private static final double TOLERANCE = 5e-3;

  private static SdpaKernel onAnyDevice(Sdpa sdpa) {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    return new SdpaKernel("java", TornadoTarget.chosen(), sdpa, SdpaKernel.MOST_SLOTS);
  }

  @Test
  void agreesWithTheReference() {
    AttentionKernel kernel = onAnyDevice(new JavaSdpa(false));
    long seed = KernelConformance.random().nextInt(1 << 20);
    compare(kernel, new AttentionShape(1, 4, 5, 3, 1, 1, 16), DType.F16, seed);
  }

  @TestFactory
  @Tag("full")
  List<DynamicTest> conforms() {
    List<DynamicTest> tests = new ArrayList<>();
    if (new TornadoBackend().availability() instanceof Availability.Available) {
      add(tests, "java", onAnyDevice(new JavaSdpa(false)));
    }
    tests.add(DynamicTest.dynamicTest("the reason is named", () -> theReasonIsNamed()));
    return tests;
  }

  @TestFactory
  @Tag("gpu")
  List<DynamicTest> theLibraryConforms() {
    List<DynamicTest> tests = new ArrayList<>();
    if (new CuDnnBackend().availability() instanceof Availability.Unavailable(String reason)) {
      return List.of(
          DynamicTest.dynamicTest("no cuDNN", () -> assumeTrue(false, "left out: " + reason)));
    }
    add(tests, "cudnn", new CuDnnBackend().open(KernelOptions.DEFAULT));
    return tests;
  }

  static void add(List<DynamicTest> tests, String name, AttentionKernel kernel) {
    for (DType dtype : new DType[] {DType.F16, DType.BF16}) {
      for (AttentionShape shape :
          List.of(
              new AttentionShape(1, 5, 13, 7, 2, 2, 64),
              new AttentionShape(2, 5, 16, 5, 4, 2, 40),
              new AttentionShape(1, 27, 3, 0, 1, 1, 16),
              new AttentionShape(1, 1, 1, 0, 1, 1, 8))) {
        long seed = KernelConformance.random().nextInt(1 << 20);
        tests.add(
            DynamicTest.dynamicTest(
                name + " " + dtype + " " + shape + " seed " + seed,
                () -> compare(kernel, shape, dtype, seed)));
      }
    }
  }

  /** One preparation, several layouts, dense in between: frames of any counts, also none. */
  private static void compare(
      AttentionKernel kernel, AttentionShape shape, DType dtype, long seed) {
    try (Arena arena = Arena.ofShared()) {
      AttentionProblem problem = RandomProblem.draw(shape, dtype, 0.4, 1, seed, arena);
      AttentionOutput actual = AttentionOutput.allocate(shape, arena);
      AttentionOutput expected = AttentionOutput.allocate(shape, arena);
      List<BlockSparseLayout> layouts = new ArrayList<>();
      layouts.add(problem.layout());
      layouts.add(BlockSparseLayout.dense(shape.latentFrames()));
      layouts.add(window(shape.latentFrames()));
      layouts.add(problem.layout());
      if (shape.latentFrames() > 2) {
        int[] indptr = new int[shape.latentFrames() + 1];
        Arrays.fill(indptr, 2, indptr.length, 1);
        layouts.add(BlockSparseLayout.of(shape.latentFrames(), indptr, new int[] {2}));
      }
      try (PreparedAttention prepared = kernel.prepare(problem.inputs())) {
        for (BlockSparseLayout layout : layouts) {
          actual.out().fill((byte) 0xFF);
          prepared.run(layout, actual);
          ReferenceAttention.run(problem.withLayout(layout), expected);
          double error = KernelConformance.relativeError(actual.out(), expected.out());
          assertTrue(error < TOLERANCE, layout + ": relative error " + error);
        }
      }
    }
  }

  /** Every frame attends to the first frame, itself and the one before: counts 1, 2, 3, 3, … */
  private static BlockSparseLayout window(int frames) {
    int[] indptr = new int[frames + 1];
    List<Integer> indices = new ArrayList<>();
    for (int frame = 0; frame < frames; frame++) {
      for (int key : new TreeSet<>(List.of(0, Math.max(0, frame - 1), frame))) {
        indices.add(key);
      }
      indptr[frame + 1] = indices.size();
    }
    return BlockSparseLayout.of(
        frames, indptr, indices.stream().mapToInt(Integer::intValue).toArray());
  }

  @Test
  @Tag("full")
  void aLibraryThatLeavesZerosIsRefused() {
    try (SdpaKernel kernel = onAnyDevice(new JavaSdpa(true))) {
      String reason = SelfCheck.failure(kernel, DType.F16, 64, SelfCheck.Kind.FRAMES).orElseThrow();
      assertEquals(
          "java-sdpa-f16-dense gave a wrong result on a small problem: relative error 1.0, at most"
              + " 5e-03 is right",
          reason);
    }
    try (SdpaKernel kernel = onAnyDevice(new JavaSdpa(false))) {
      assertEquals(
          Optional.empty(), SelfCheck.failure(kernel, DType.F16, 64, SelfCheck.Kind.FRAMES));
    }
  }

  @Test
  @Tag("full")
  void aLayoutOfTheSameSizesCompilesNothing() {
    AttentionShape shape = new AttentionShape(1, 9, 8, 3, 2, 2, 16);
    try (Arena arena = Arena.ofShared();
        SdpaKernel kernel = onAnyDevice(new JavaSdpa(false))) {
      AttentionProblem problem = RandomProblem.draw(shape, DType.F16, 1, 1, 5, arena);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      AttentionOutput expected = AttentionOutput.allocate(shape, arena);
      try (SdpaAttention prepared = (SdpaAttention) kernel.prepare(problem.inputs())) {
        prepared.run(rotated(9, 0), output);
        long compiled = prepared.plan().compilations();
        for (int offset = 1; offset < 4; offset++) {
          prepared.run(rotated(9, offset), output);
          assertEquals(compiled, prepared.plan().compilations());
          ReferenceAttention.run(problem.withLayout(rotated(9, offset)), expected);
          assertTrue(KernelConformance.relativeError(output.out(), expected.out()) < TOLERANCE);
        }
      }
    }
  }

  /** Every frame attends to itself and to three others, which the offset moves. */
  private static BlockSparseLayout rotated(int frames, int offset) {
    int[] indptr = new int[frames + 1];
    int[] indices = new int[4 * frames];
    for (int frame = 0; frame < frames; frame++) {
      int[] row = new int[4];
      for (int i = 0; i < 4; i++) {
        row[i] = (frame + i * (1 + offset % 2) + (i == 0 ? 0 : offset / 2)) % frames;
      }
      Arrays.sort(row);
      System.arraycopy(row, 0, indices, 4 * frame, 4);
      indptr[frame + 1] = 4 * (frame + 1);
    }
    return BlockSparseLayout.of(frames, indptr, indices);
  }

  @Test
  void whatTheLibraryCannotDoIsRefusedByName() {
    try (Arena arena = Arena.ofShared();
        SdpaKernel kernel = onAnyDevice(new JavaSdpa(false))) {
      AttentionShape shape = new AttentionShape(1, 3, 8, 0, 1, 1, 16);
      assertEquals(
          "java takes F16 and BF16, got F32", kernel.unsupported(shape, DType.F32).orElseThrow());
      assertEquals(
          "java takes a headDim that is a multiple of 8 and at most 256, got 20",
          kernel.unsupported(new AttentionShape(1, 3, 8, 0, 1, 1, 20), DType.F16).orElseThrow());
      AttentionProblem problem = RandomProblem.draw(shape, DType.BF16, 0.4, 1, 5, arena);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      AttentionOutput sums = AttentionOutput.allocateWithLogSumExp(shape, arena);
      BlockSparseLayout blocks =
          BlockSparseLayout.ofBlocks(
              TokenBlocks.of(
                  new int[] {12, 12},
                  new int[] {12, 12},
                  RandomProblem.rows(2, 2, 0, KernelConformance.random())));
      try (PreparedAttention prepared = kernel.prepare(problem.inputs())) {
        assertEquals(
            "java gives no log-sum-exp",
            assertThrows(KernelFailedException.class, () -> prepared.run(problem.layout(), sums))
                .getMessage());
        assertTrue(
            assertThrows(KernelFailedException.class, () -> prepared.run(blocks, output))
                .getMessage()
                .contains("token blocks"));
      }
      DType.BF16.set(problem.key(), 3, 1e30f);
      assertTrue(
          assertThrows(KernelFailedException.class, () -> kernel.prepare(problem.inputs()))
              .getMessage()
              .contains("bf16 key: it has numbers beyond 65504"));
      DType.BF16.set(problem.key(), 3, 1);
      for (long i = 0; i < shape.keyElements(); i++) {
        DType.BF16.set(problem.value(), i, 1e-6f);
      }
      assertTrue(
          assertThrows(KernelFailedException.class, () -> kernel.prepare(problem.inputs()))
              .getMessage()
              .contains("would lose digits"));
    }
  }

  @Test
  void theReasonIsNamed() {
    assertEquals(
        "the TornadoVM SDK has no module tornado.cudnn",
        CuDnnBackend.missing(false, "/nowhere").orElseThrow());
    assertTrue(CuDnnBackend.missing(true, "/nowhere").orElseThrow().contains("tornado-cudnn"));
    if (new CuDnnBackend().availability() instanceof Availability.Unavailable(String reason)) {
      assertEquals(0, new CuDnnBackend().devices().size());
      assertTrue(reason.contains("TornadoVM"), reason);
      assertThrows(
          IllegalStateException.class, () -> new CuDnnBackend().open(KernelOptions.DEFAULT));
    }
  }
}
