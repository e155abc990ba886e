// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.ReferenceBackend;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.toolkit.blockpattern.BatchLayout;
import org.lvsa.toolkit.blockpattern.BlockMask;
import org.lvsa.toolkit.blockpattern.BlockPattern;
import org.lvsa.toolkit.blockpattern.HeadInputs;
import org.lvsa.toolkit.blockpattern.HeadSelection;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;

/** Patterns whose blocks and orders differ between heads and between the sequences of a batch. */
class PatternCasesTest {
  private static final AttentionKernel KERNEL = new ReferenceBackend().open(KernelOptions.DEFAULT);

  /** Two sequences, four query heads that share two key heads. */
  private static final Geometry GQA =
      new Geometry(
          Models.named("wan2.1-1.3b"),
          "-",
          17,
          5,
          new PatchGrid(4, 6),
          new AttentionShape(2, 5, 24, 0, 4, 2, 8),
          "");

  private final SweepSettings settings = Sweeps.tiny().maxSeconds(0).build();

  private static AttentionInputs inputs(AttentionShape shape, long seed, Arena arena) {
    SplittableRandom random = new SplittableRandom(seed);
    MemorySegment[] parts = new MemorySegment[3];
    for (int part = 0; part < 3; part++) {
      long elements = part == 0 ? shape.queryElements() : shape.keyElements();
      parts[part] = arena.allocate(elements * Float.BYTES, 64);
      for (long i = 0; i < elements; i++) {
        DType.F32.set(parts[part], i, (float) random.nextGaussian());
      }
    }
    return new AttentionInputs(shape, DType.F32, parts[0], parts[1], parts[2]);
  }

  private static List<HeadInputs> heads(AttentionInputs inputs) {
    AttentionShape shape = inputs.shape();
    return IntStream.range(0, shape.batch() * shape.heads())
        .mapToObj(
            i ->
                HeadInputs.of(
                    shape,
                    DType.F32,
                    inputs.query(),
                    inputs.key(),
                    inputs.value(),
                    i / shape.heads(),
                    i % shape.heads()))
        .toList();
  }

  private Cell cell(String pattern) {
    SweepSettings asked =
        SweepSettings.defaults()
            .grids(List.of("4x6"))
            .latentFrames(List.of(5))
            .sparsityScales(List.of())
            .patterns(List.of(pattern))
            .build();
    return GQA.cells(asked, InputSource.parse("random"), "reference").getFirst();
  }

  private List<ResultRow> measured(
      List<Cell> cells, List<SparseCase> cases, AttentionInputs inputs, AttentionKernel kernel)
      throws IOException {
    List<ResultRow> rows = new ArrayList<>();
    try (Arena arena = Arena.ofShared()) {
      long[] nanos = {0};
      new CellGroup(
              new SweepPlan.Group(GQA, "reference", cells, new MemoryNeed(0, 0)),
              cases,
              settings,
              kernel,
              inputs,
              new CellGroup.Outputs(
                  AttentionOutput.allocate(GQA.shape(), arena),
                  AttentionOutput.allocate(GQA.shape(), arena)),
              () -> nanos[0] += 100_000_000,
              new Sweeps.Log())
          .measure(rows::add);
    }
    return rows;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "svg2:queries=4,keys=5,iterations=3,share=0.4",
        "svg:density=0.5,block=8",
        "vsa:cube=2x2x2,sparsity=0.5",
        "topk:queries=8,keys=8,count=4",
        "sta:tile=2x2x3,window=1x1x3"
      })
  void everyHeadAndSequenceHasItsOwnBlocks(String pattern) throws IOException {
    long seed = System.nanoTime();
    try (Arena arena = Arena.ofShared()) {
      AttentionInputs inputs = inputs(GQA.shape(), seed, arena);
      Cell cell = cell(pattern);
      SparseCase sparse = SparseCase.of(GQA, cell, () -> heads(inputs), KERNEL);
      ResultRow row = measured(List.of(cell), List.of(sparse), inputs, KERNEL).getFirst();
      assertEquals(Status.OK, row.status(), row.note() + ", seed " + seed);
      Quality quality = row.quality().orElseThrow();
      assertTrue(quality.massRecall() > 0 && quality.massRecall() <= 1 + 1e-9, pattern);
      assertEquals(sparse.layout().density(), row.density(), 1e-12);
      if (!pattern.startsWith("sta")) {
        assertEquals(2, sparse.layout().sequences().size());
        assertEquals(8, sparse.selections().size());
      }
      if (pattern.startsWith("svg2")) {
        assertNotEquals(
            sparse.selection(0, 0).keyOrder(), sparse.selection(1, 0).keyOrder(), "seed " + seed);
      }
    }
  }

  /** One selection per head and sequence, each with orders of its own. */
  private static SparseCase shuffled(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int tokens = GQA.shape().tokens();
    List<HeadSelection> selections =
        IntStream.range(0, 8)
            .mapToObj(
                head ->
                    new HeadSelection(
                        shuffled(tokens, random),
                        shuffled(tokens, random),
                        BlockMask.uniform(tokens, 16, (row, column) -> (row + column) % 3 != 0)))
            .toList();
    return new SparseCase(
        BatchLayout.of(selections, 4),
        selections,
        PatternFacts.ofBlocks(BlockPattern.density(selections), "", 16, Double.NaN));
  }

  private static TokenOrder shuffled(int tokens, SplittableRandom random) {
    int[] source = TokenOrder.identity(tokens).source();
    for (int i = tokens - 1; i > 0; i--) {
      int other = random.nextInt(i + 1);
      int kept = source[i];
      source[i] = source[other];
      source[other] = kept;
    }
    return new TokenOrder(source);
  }

  @Test
  void headsThatShareKeysMayWantThemInDifferentOrders() throws IOException {
    long seed = System.nanoTime();
    try (Arena arena = Arena.ofShared()) {
      AttentionInputs inputs = inputs(GQA.shape(), seed, arena);
      ResultRow row =
          measured(List.of(cell("random")), List.of(shuffled(seed)), inputs, KERNEL).getFirst();
      assertEquals(Status.OK, row.status(), row.note() + ", seed " + seed);
    }
  }

  @Test
  void aPatternThatCannotBePreparedLeavesTheOthersAlone() throws IOException {
    FakeKernel right = FakeKernel.right();
    // Repeated keys are refused: a shape with as many key heads as query heads.
    AttentionKernel sharing =
        new AttentionKernel() {
          @Override
          public String device() {
            return "one that shares keys";
          }

          @Override
          public Optional<String> unsupported(AttentionShape shape, DType dtype) {
            return shape.kvHeads() == shape.heads()
                ? Optional.of("keys must be shared")
                : Optional.empty();
          }

          @Override
          public PreparedAttention prepare(AttentionInputs inputs) {
            return right.prepare(inputs);
          }
        };
    try (Arena arena = Arena.ofShared()) {
      AttentionInputs inputs = inputs(GQA.shape(), 5, arena);
      List<Cell> cells = List.of(cell("random"), cell("radial:block=8"));
      List<SparseCase> cases =
          List.of(shuffled(5), SparseCase.of(GQA, cells.get(1), List::of, sharing));
      List<ResultRow> rows = measured(cells, cases, inputs, sharing);
      assertEquals(Status.UNSUPPORTED, rows.get(0).status());
      assertTrue(rows.get(0).note().contains("keys must be shared"), rows.get(0).note());
      assertEquals(Status.OK, rows.get(1).status(), rows.get(1).note());
    }
  }
}
