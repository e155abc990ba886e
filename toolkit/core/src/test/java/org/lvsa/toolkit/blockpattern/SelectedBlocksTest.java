// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
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
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.PartialAttention;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.ReferenceBackend;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.toolkit.tensor.Safetensors;

class SelectedBlocksTest {
  private static final Path MASKS = Path.of("../../../shared/golden/masks");

  private static void attend(
      AttentionInputs inputs, BlockSparseLayout layout, AttentionOutput output) {
    try (AttentionKernel kernel = new ReferenceBackend().open(KernelOptions.DEFAULT);
        PreparedAttention prepared = kernel.prepare(inputs)) {
      prepared.run(layout, output);
    }
  }

  /** Chosen, reordered, computed and put back: what the published code computed. */
  @ParameterizedTest
  @ValueSource(strings = {"sparge", "draft", "bsa", "oracle", "svg2"})
  void outputsEqualThePublishedOnes(String method) throws IOException {
    assumeTrue(Files.isDirectory(MASKS), "the golden masks are not beside the checkout");
    int compared = 0;
    try (Arena arena = Arena.ofShared()) {
      GridInputs grids =
          new GridInputs(Safetensors.open(MASKS.resolve("inputs.safetensors"), arena));
      Safetensors outputs = Safetensors.open(MASKS.resolve(method + ".out.safetensors"), arena);
      for (JsonNode one : GoldenMasksTest.cases(method)) {
        String id = one.get("id").textValue();
        if (!outputs.has(id)) {
          continue;
        }
        CaseFields fields = new CaseFields(one);
        TokenGrid grid = HeadCases.grid(method, fields);
        List<HeadInputs> heads = grids.heads(fields.text("grid"), grid.tokens());
        SelectedBlocks blocks = new SelectedBlocks(HeadCases.selections(method, one, grids));
        AttentionInputs inputs = inputs(heads, arena);
        AttentionOutput ordered = AttentionOutput.allocate(inputs.shape(), arena);
        attend(blocks.orders().apply(inputs, arena), blocks.layout(), ordered);
        AttentionOutput out = AttentionOutput.allocate(inputs.shape(), arena);
        blocks.orders().undo(inputs.shape(), ordered, out);
        MemorySegment wanted = outputs.data(id);
        int tokens = grid.tokens();
        int dim = inputs.shape().headDim();
        for (int head = 0; head < heads.size(); head++) {
          for (int token = 0; token < tokens; token++) {
            for (int d = 0; d < dim; d++) {
              assertEquals(
                  DType.F32.get(wanted, ((long) head * tokens + token) * dim + d),
                  DType.F32.get(out.out(), inputs.shape().queryOffset(0, token, head) + d),
                  2e-5,
                  id + " head " + head + " token " + token);
            }
          }
        }
        compared++;
      }
    }
    assertTrue(compared > 3, "only " + compared + " outputs of " + method);
  }

  private static AttentionInputs inputs(List<HeadInputs> heads, Arena arena) {
    HeadInputs first = heads.getFirst();
    AttentionShape shape =
        new AttentionShape(1, 1, first.tokens(), 0, heads.size(), heads.size(), first.headDim());
    MemorySegment[] parts = new MemorySegment[3];
    for (int part = 0; part < 3; part++) {
      parts[part] = arena.allocate(shape.queryElements() * Float.BYTES, 64);
      for (int head = 0; head < heads.size(); head++) {
        HeadInputs from = heads.get(head);
        float[] vectors = List.of(from.query(), from.key(), from.value()).get(part);
        for (int i = 0; i < vectors.length; i++) {
          int token = i / shape.headDim();
          DType.F32.set(
              parts[part], shape.queryOffset(0, token, head) + i % shape.headDim(), vectors[i]);
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
      AttentionInputs inputs = inputs(heads, arena);
      SelectedBlocks blocks = new SelectedBlocks(chosen);
      AttentionInputs ordered = blocks.orders().apply(inputs, arena);
      AttentionOutput merged = AttentionOutput.allocateWithLogSumExp(inputs.shape(), arena);
      AttentionOutput other = AttentionOutput.allocateWithLogSumExp(inputs.shape(), arena);
      attend(ordered, blocks.layout(), merged);
      attend(ordered, new SelectedBlocks(complement).layout(), other);
      AttentionOutput whole = AttentionOutput.allocate(inputs.shape(), arena);
      PartialAttention.merge(inputs.shape(), merged, other);
      blocks.orders().undo(inputs.shape(), merged, whole);
      AttentionOutput dense = AttentionOutput.allocate(inputs.shape(), arena);
      attend(inputs, BlockSparseLayout.dense(1), dense);
      for (long i = 0; i < inputs.shape().queryElements(); i++) {
        assertEquals(
            DType.F32.get(dense.out(), i),
            DType.F32.get(whole.out(), i),
            1e-5,
            name + ", seed " + seed);
      }
    }
  }

  @Test
  void tokensComeBackToTheirPlaces() {
    TokenGrid grid = new TokenGrid(4, 4, 8, 0);
    SelectedBlocks moved =
        new SelectedBlocks(PatternSpec.pattern("sta:tile=2x2x4", grid).selections(grid, List.of()));
    SelectedBlocks still =
        new SelectedBlocks(PatternSpec.pattern("radial:block=8", grid).selections(grid, List.of()));
    assertFalse(moved.orders().areIdentity());
    assertTrue(still.orders().areIdentity());
    try (Arena arena = Arena.ofShared()) {
      AttentionInputs inputs = inputs(random(grid, 3, 1), arena);
      AttentionInputs ordered = moved.orders().apply(inputs, arena);
      assertTrue(inputs.query().mismatch(ordered.query()) >= 0);
      AttentionOutput back = AttentionOutput.allocate(inputs.shape(), arena);
      moved
          .orders()
          .undo(inputs.shape(), new AttentionOutput(ordered.query(), Optional.empty()), back);
      assertEquals(-1, inputs.query().mismatch(back.out()));
    }
  }

  @Test
  void headsThatWantTheirKeysInDifferentOrdersShareNone() {
    TokenGrid grid = new TokenGrid(4, 4, 8, 0);
    TokenOrder raster = TokenOrder.identity(grid.tokens());
    BlockMask mask = BlockMask.uniform(grid.tokens(), 16, (row, column) -> true);
    SelectedBlocks blocks =
        new SelectedBlocks(
            List.of(
                new HeadSelection(raster, raster, mask),
                new HeadSelection(raster, grid.patchMajor(), mask)));
    AttentionShape shared = new AttentionShape(1, 4, 32, 0, 2, 1, 8);
    assertEquals(2, blocks.orders().shape(shared).kvHeads());
    assertEquals(
        shared, new SelectedBlocks(blocks.selections().subList(1, 2)).orders().shape(shared));
  }
}
