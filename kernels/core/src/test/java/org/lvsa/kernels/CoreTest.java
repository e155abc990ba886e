// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class CoreTest {

  @TestFactory
  List<DynamicTest> referenceConforms() {
    return KernelConformance.tests(new ReferenceBackend().open(KernelOptions.DEFAULT), 1e-6);
  }

  /** By hand: one query of (1, 0), keys (√2·ln 3, 0) and (0, 5): weights 3/4 and 1/4. */
  @Test
  void referenceComputesASoftmaxDoneByHand() {
    try (Arena arena = Arena.ofConfined()) {
      AttentionShape shape = new AttentionShape(1, 2, 1, 0, 1, 1, 2);
      float[] q = {1, 0, 0, 0};
      float[] k = {(float) (Math.sqrt(2) * Math.log(3)), 0, 0, 5};
      float[] v = {4, 8, 0, -8};
      AttentionProblem problem =
          new AttentionProblem(
              new AttentionInputs(
                  shape,
                  DType.F32,
                  arena.allocateFrom(ValueLayout.JAVA_FLOAT, q),
                  arena.allocateFrom(ValueLayout.JAVA_FLOAT, k),
                  arena.allocateFrom(ValueLayout.JAVA_FLOAT, v)),
              BlockSparseLayout.dense(2));
      double[] out = new double[2];
      double lse =
          ReferenceAttention.query(
              problem, KeyRanges.of(shape, problem.layout()).getFirst(), 0, 0, 0, out);
      assertArrayEquals(new double[] {3, 4}, out, 1e-6);
      assertEquals(Math.log(4), lse, 1e-6);
    }
  }

  @Test
  void layoutsRefuseWhatIsNoCsr() {
    assertThrows(
        IllegalArgumentException.class,
        () -> BlockSparseLayout.of(3, new int[] {0, 2}, new int[] {1, 0}));
    assertThrows(
        IllegalArgumentException.class,
        () -> BlockSparseLayout.of(3, new int[] {0, 1}, new int[] {3}));
    assertThrows(
        IllegalArgumentException.class,
        () -> BlockSparseLayout.of(3, new int[] {0, 2, 1}, new int[] {0}));
    assertThrows(
        IllegalArgumentException.class,
        () -> BlockSparseLayout.of(3, new int[] {1, 1}, new int[] {0}));
  }

  @Test
  void layoutsAreImmutable() {
    int[] indices = {0, 1};
    BlockSparseLayout layout = BlockSparseLayout.of(2, new int[] {0, 1, 2}, indices);
    indices[0] = 1;
    layout.indices()[1] = 0;
    assertEquals(0, layout.index(0, 0));
    assertEquals(1, layout.index(1, 0));
    assertEquals(0.5, layout.density());
    assertFalse(layout.sameRow(0, 1));
  }

  @Test
  void aDenseLayoutTakesNoMemoryWhateverItsSize() {
    // 10^12 pairs: an array of them would be terabytes.
    BlockSparseLayout layout = BlockSparseLayout.dense(1_000_000);
    assertEquals(1_000_000_000_000L, layout.attended());
    assertEquals(1, layout.density());
    assertEquals(999_999, layout.index(17, 999_999));
    AttentionShape shape = new AttentionShape(1, 1_000_000, 2, 0, 1, 1, 1);
    assertEquals(16e12, shape.flops(layout));
    KeyRanges group = KeyRanges.of(shape, layout).getFirst();
    assertEquals(2_000_000, group.keys());
    assertEquals(2_000_000, group.queryCount());
    assertThrows(IllegalArgumentException.class, () -> BlockSparseLayout.dense(0));
    assertThrows(IndexOutOfBoundsException.class, () -> layout.index(0, 1_000_000));
  }

  @Test
  void aDenseLayoutEqualsTheSameRowsWrittenOut() {
    BlockSparseLayout dense = BlockSparseLayout.dense(3);
    BlockSparseLayout written = BlockSparseLayout.of(3, dense.indptr(), dense.indices());
    assertArrayEquals(new int[] {0, 3, 6, 9}, dense.indptr());
    assertArrayEquals(new int[] {0, 1, 2, 0, 1, 2, 0, 1, 2}, dense.indices());
    assertTrue(written.isDense());
    assertEquals(dense, written);
    assertEquals(dense.hashCode(), written.hashCode());
    BlockSparseLayout wide = BlockSparseLayout.of(4, new int[] {0, 4}, new int[] {0, 1, 2, 3});
    assertEquals(4, wide.count(0));
    assertFalse(wide.equals(BlockSparseLayout.dense(4)));
  }

  @Test
  void backendsRefuseDevicesAndKernelsThatTheyDoNotHave() {
    KernelOptions device = new KernelOptions(Optional.of("nonsense"), Optional.empty());
    assertEquals(
        "backend reference has no device nonsense: it has only one device, leave the choice out",
        assertThrows(IllegalArgumentException.class, () -> new ReferenceBackend().open(device))
            .getMessage());
    KernelOptions kernel = new KernelOptions(Optional.empty(), Optional.of("x".repeat(300)));
    assertEquals(
        "backend gpu has no kernel " + "x".repeat(200) + "…, allowed are fast, slow",
        assertThrows(
                IllegalArgumentException.class,
                () -> kernel.check("gpu", List.of("0:0"), List.of("fast", "slow")))
            .getMessage());
    KernelOptions.DEFAULT.check("gpu", List.of(), List.of());
  }

  @Test
  void keyRangesJoinNeighboursAndCoverEveryQueryOnce() {
    SplittableRandom random = KernelConformance.random();
    for (int trial = 0; trial < 50; trial++) {
      int frames = random.nextInt(1, 12);
      AttentionShape shape =
          new AttentionShape(1, frames, random.nextInt(1, 6), random.nextInt(0, 4), 1, 1, 4);
      BlockSparseLayout layout = RandomProblem.layout(frames, random.nextDouble(), random);
      int next = 0;
      long pairs = 0;
      for (KeyRanges group : KeyRanges.of(shape, layout)) {
        assertEquals(next, group.firstQuery());
        next += group.queryCount();
        pairs += (long) group.queryCount() * group.keys();
        for (int run = 1; run < group.keyStarts().length; run++) {
          int end = group.keyStarts()[run - 1] + group.keyCounts()[run - 1];
          assertTrue(group.keyStarts()[run] > end, "runs are apart");
        }
      }
      assertEquals(shape.tokens(), next);
      assertEquals(shape.flops(layout), 4.0 * pairs * shape.headDim());
    }
    AttentionShape shape = new AttentionShape(1, 9, 4, 0, 1, 1, 4);
    assertEquals(1, KeyRanges.of(shape, BlockSparseLayout.dense(9)).size());
  }

  @Test
  void shapesRefuseWhatMakesNoSense() {
    assertEquals(
        "heads must be a multiple of kvHeads, got heads=6 kvHeads=4",
        assertThrows(IllegalArgumentException.class, () -> new AttentionShape(1, 1, 1, 0, 6, 4, 8))
            .getMessage());
    assertThrows(
        IllegalArgumentException.class, () -> new AttentionShape(1, 1 << 20, 1 << 12, 0, 1, 1, 8));
    assertThrows(
        IllegalArgumentException.class,
        () -> new AttentionShape(Integer.MAX_VALUE, 1 << 15, 1 << 15, 0, 1 << 15, 1, 1));
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new AttentionShape(
                Integer.MAX_VALUE,
                1,
                Integer.MAX_VALUE,
                0,
                Integer.MAX_VALUE,
                1,
                Integer.MAX_VALUE));
    assertEquals(
        (1L << 60) - (1L << 30),
        new AttentionShape(1 << 15, 1, (1 << 30) - 1, 0, 1, 1, 1 << 15).queryElements());
    assertEquals(
        "headDim must be at least 1, got 0",
        assertThrows(IllegalArgumentException.class, () -> new AttentionShape(1, 1, 1, 0, 1, 1, 0))
            .getMessage());
  }

  @Test
  void narrowTypesRoundToNearestEven() {
    try (Arena arena = Arena.ofConfined()) {
      var memory = arena.allocate(4);
      // 1 + 2⁻⁸ lies between two bfloat16 numbers, 1 and 1 + 2⁻⁷: the even one is 1.
      DType.BF16.set(memory, 0, 1 + 0x1p-8f);
      assertEquals(1f, DType.BF16.get(memory, 0));
      DType.BF16.set(memory, 0, 1 + 3 * 0x1p-8f);
      assertEquals(1 + 0x1p-6f, DType.BF16.get(memory, 0));
      DType.BF16.set(memory, 1, Float.NaN);
      assertTrue(Float.isNaN(DType.BF16.get(memory, 1)));
      DType.F16.set(memory, 0, 65504f);
      assertEquals(65504f, DType.F16.get(memory, 0));
    }
  }

  @Test
  void theReferenceIsFoundAsABackend() {
    assertTrue(AttentionBackend.all().stream().anyMatch(b -> b.name().equals("reference")));
  }
}
