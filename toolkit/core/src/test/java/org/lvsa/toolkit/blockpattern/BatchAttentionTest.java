// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.PartialAttention;
import org.lvsa.kernels.ReferenceBackend;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.kernels.TokenOrders;

/** A pattern's choice computed by a kernel, and sequences that have a choice of their own. */
class BatchAttentionTest {
  private static void attend(AttentionInputs inputs, BatchLayout layout, AttentionOutput output) {
    try (AttentionKernel kernel = new ReferenceBackend().open(KernelOptions.DEFAULT);
        BatchAttention prepared = BatchAttention.prepare(kernel, inputs, layout.orders())) {
      prepared.run(layout, output);
    }
  }

  private static BatchLayout dense(TokenGrid grid) {
    return BatchLayout.of(
        new OrderedLayout(
            BlockSparseLayout.dense(1), TokenOrders.of(TokenOrder.identity(grid.tokens()))));
  }

  /** Heads of one or several sequences, one sequence after another, as one problem. */
  private static AttentionInputs inputs(List<HeadInputs> heads, int batch, Arena arena) {
    HeadInputs first = heads.getFirst();
    int perSequence = heads.size() / batch;
    AttentionShape shape =
        new AttentionShape(batch, 1, first.tokens(), 0, perSequence, perSequence, first.headDim());
    MemorySegment[] parts = new MemorySegment[3];
    for (int part = 0; part < 3; part++) {
      parts[part] = arena.allocate(shape.queryElements() * Float.BYTES, 64);
      for (int head = 0; head < heads.size(); head++) {
        HeadInputs from = heads.get(head);
        float[] vectors = List.of(from.query(), from.key(), from.value()).get(part);
        for (int i = 0; i < vectors.length; i++) {
          int token = i / shape.headDim();
          long vector = shape.queryOffset(head / perSequence, token, head % perSequence);
          DType.F32.set(parts[part], vector + i % shape.headDim(), vectors[i]);
        }
      }
    }
    return new AttentionInputs(shape, DType.F32, parts[0], parts[1], parts[2]);
  }

  private static List<HeadInputs> random(TokenGrid grid, int heads, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return IntStream.range(0, heads)
        .mapToObj(
            head -> {
              float[][] parts = new float[3][grid.tokens() * 8];
              for (float[] part : parts) {
                for (int i = 0; i < part.length; i++) {
                  part[i] = (float) random.nextGaussian();
                }
              }
              return new HeadInputs(8, parts[0], parts[1], parts[2]);
            })
        .toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"sta:tile=2x2x4", "radial:block=8", "vsa:cube=2x2x4", "lvsa:interval=3"})
  void aPatternAndItsComplementMergeToDense(String name) {
    long seed = System.nanoTime();
    TokenGrid grid = new TokenGrid(5, 5, 7, 0);
    List<HeadInputs> heads = random(grid, 2, seed);
    List<HeadSelection> chosen = PatternSpec.pattern(name, grid).selections(grid, heads);
    List<HeadSelection> complement =
        chosen.stream()
            .map(
                one ->
                    new HeadSelection(
                        one.queryOrder(),
                        one.keyOrder(),
                        BlockMask.of(
                            one.mask().querySizes(),
                            one.mask().keySizes(),
                            (row, column) -> !one.mask().attends(row, column))))
            .toList();
    assertEquals(1, BlockPattern.density(chosen) + BlockPattern.density(complement), 1e-9, name);
    try (Arena arena = Arena.ofShared()) {
      AttentionInputs inputs = inputs(heads, 1, arena);
      AttentionOutput merged = AttentionOutput.allocateWithLogSumExp(inputs.shape(), arena);
      AttentionOutput other = AttentionOutput.allocateWithLogSumExp(inputs.shape(), arena);
      attend(inputs, BatchLayout.of(chosen, 2), merged);
      attend(inputs, BatchLayout.of(complement, 2), other);
      PartialAttention.merge(inputs.shape(), merged, other);
      AttentionOutput dense = AttentionOutput.allocate(inputs.shape(), arena);
      attend(inputs, dense(grid), dense);
      assertNear(dense, merged, inputs.shape(), name + ", seed " + seed);
    }
  }

  private static void assertNear(
      AttentionOutput expected, AttentionOutput actual, AttentionShape shape, String what) {
    for (long i = 0; i < shape.queryElements(); i++) {
      assertEquals(DType.F32.get(expected.out(), i), DType.F32.get(actual.out(), i), 1e-5, what);
    }
  }

  /** Each sequence of a batch is attended to as if it were alone, with the blocks chosen for it. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "vsa:cube=2x2x4,sparsity=0.6",
        "svg2:queries=5,keys=7,iterations=3,share=0.5",
        "svg:density=0.4,block=16",
        "sta:tile=2x2x4"
      })
  void aBatchIsAsManySequencesAlone(String name) {
    long seed = System.nanoTime();
    TokenGrid grid = new TokenGrid(5, 5, 7, 0);
    List<HeadInputs> heads = random(grid, 6, seed);
    BlockPattern pattern = PatternSpec.pattern(name, grid);
    try (Arena arena = Arena.ofShared()) {
      AttentionInputs batch = inputs(heads, 3, arena);
      AttentionOutput together = AttentionOutput.allocateWithLogSumExp(batch.shape(), arena);
      BatchLayout layout = BatchLayout.of(pattern.selections(grid, heads), 2);
      assertEquals(pattern instanceof StaticPattern ? 1 : 3, layout.sequences().size());
      attend(batch, layout, together);
      for (int sequence = 0; sequence < 3; sequence++) {
        List<HeadInputs> own = heads.subList(2 * sequence, 2 * sequence + 2);
        AttentionInputs inputs = inputs(own, 1, arena);
        AttentionOutput alone = AttentionOutput.allocateWithLogSumExp(inputs.shape(), arena);
        attend(inputs, BatchLayout.of(pattern.selections(grid, own), 2), alone);
        long bytes = alone.out().byteSize();
        MemorySegment part = together.out().asSlice(sequence * bytes, bytes);
        assertEquals(-1, alone.out().mismatch(part), "sequence " + sequence + ", seed " + seed);
        long logs = alone.logSumExp().orElseThrow().byteSize();
        assertEquals(
            -1,
            alone
                .logSumExp()
                .orElseThrow()
                .mismatch(together.logSumExp().orElseThrow().asSlice(sequence * logs, logs)),
            "log-sum-exp of sequence " + sequence + ", seed " + seed);
      }
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    TokenGrid grid = new TokenGrid(2, 2, 2, 0);
    TokenOrders identity = TokenOrders.of(TokenOrder.identity(8));
    HeadSelection one =
        HeadSelection.of(TokenOrder.identity(8), BlockMask.uniform(8, 4, (r, c) -> true));
    assertThrows(IllegalArgumentException.class, () -> BatchLayout.of(List.of(one, one, one), 2));
    assertThrows(IllegalArgumentException.class, () -> BatchLayout.of(List.of(), 2));
    try (Arena arena = Arena.ofShared();
        AttentionKernel kernel = new ReferenceBackend().open(KernelOptions.DEFAULT)) {
      AttentionInputs inputs = inputs(random(grid, 3, 1), 3, arena);
      AttentionOutput output = AttentionOutput.allocate(inputs.shape(), arena);
      assertEquals(
          "token orders are for 2 sequences, the shape has 3",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> BatchAttention.prepare(kernel, inputs, List.of(identity, identity)))
              .getMessage());
      try (BatchAttention prepared = BatchAttention.prepare(kernel, inputs, List.of(identity))) {
        assertThrows(
            IllegalArgumentException.class,
            () -> prepared.run(BatchLayout.of(List.of(one, one, one), 1), output));
      }
    }
  }
}
