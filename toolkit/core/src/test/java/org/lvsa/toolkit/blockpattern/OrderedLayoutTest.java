// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.ReferenceBackend;
import org.lvsa.kernels.TokenBlocks;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.toolkit.tensor.Safetensors;

/** Layouts of patterns with the orders of tokens that they refer to. */
class OrderedLayoutTest {
  private static final Path MASKS = Path.of("../../../shared/golden/masks");
  private static final AttentionKernel KERNEL = new ReferenceBackend().open(KernelOptions.DEFAULT);

  /** Selections in their orders give the outputs that were recorded with the published masks. */
  @TestFactory
  Stream<DynamicTest> outputsEqualTheRecordedOnes() throws IOException {
    assumeTrue(Files.isDirectory(MASKS), "the golden masks are not beside the checkout");
    List<DynamicTest> tests = new ArrayList<>();
    // vsa's recorded outputs have its gated coarse attention added.
    for (String method : List.of("svg2", "sparge", "draft", "bsa", "oracle")) {
      for (JsonNode one : GoldenMasksTest.cases(method)) {
        tests.add(
            DynamicTest.dynamicTest(one.get("id").textValue(), () -> outputEquals(method, one)));
      }
    }
    assertTrue(tests.size() > 50, "only " + tests.size() + " cases");
    return tests.stream();
  }

  private static void outputEquals(String method, JsonNode one) {
    try (Arena arena = Arena.ofShared()) {
      GridInputs files =
          new GridInputs(Safetensors.open(MASKS.resolve("inputs.safetensors"), arena));
      Safetensors recorded = Safetensors.open(MASKS.resolve(method + ".out.safetensors"), arena);
      List<HeadInputs> heads = HeadCases.inputs(method, one, files);
      OrderedLayout layout = OrderedLayout.of(HeadCases.selections(method, one, files));
      AttentionShape shape =
          new AttentionShape(
              1,
              heads.getFirst().tokens(),
              1,
              0,
              heads.size(),
              heads.size(),
              heads.getFirst().headDim());
      AttentionInputs inputs =
          new AttentionInputs(
              shape,
              DType.F32,
              joined(heads.stream().map(HeadInputs::query).toList(), shape, arena),
              joined(heads.stream().map(HeadInputs::key).toList(), shape, arena),
              joined(heads.stream().map(HeadInputs::value).toList(), shape, arena));
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      try (PreparedAttention prepared = KERNEL.prepare(inputs, layout.orders())) {
        prepared.run(layout.layout(), output);
      }
      MemorySegment expected = recorded.data(one.get("id").textValue());
      assertEquals(shape.queryElements() * Float.BYTES, expected.byteSize());
      for (int head = 0; head < shape.heads(); head++) {
        for (int token = 0; token < shape.tokens(); token++) {
          for (int d = 0; d < shape.headDim(); d++) {
            long at = ((long) head * shape.tokens() + token) * shape.headDim() + d;
            assertEquals(
                DType.F32.get(expected, at),
                DType.F32.get(output.out(), shape.queryOffset(0, token, head) + d),
                2e-5f,
                "head " + head + " token " + token);
          }
        }
      }
    }
  }

  private static MemorySegment joined(List<float[]> heads, AttentionShape shape, Arena arena) {
    MemorySegment joined = arena.allocate(shape.queryElements() * Float.BYTES, 64);
    for (int head = 0; head < heads.size(); head++) {
      for (int i = 0; i < heads.get(head).length; i++) {
        int token = i / shape.headDim();
        DType.F32.set(
            joined, shape.queryOffset(0, token, head) + i % shape.headDim(), heads.get(head)[i]);
      }
    }
    return joined;
  }

  @Test
  void aStaticPatternBringsItsOrder() {
    TokenGrid grid = new TokenGrid(4, 6, 6, 5);
    SlidingTilePattern pattern = new SlidingTilePattern(new Tile(2, 3, 2), new Tile(1, 3, 1), 20);
    OrderedLayout layout = OrderedLayout.of(pattern, grid);
    assertEquals(pattern.mask(grid).densityOfTokens(), layout.layout().density(), 1e-12);
    assertEquals(List.of(pattern.order(grid)), layout.orders().query());
    TokenOrder order = pattern.order(grid);
    HeadSelection head = HeadSelection.of(order, pattern.mask(grid));
    OrderedLayout heads = OrderedLayout.of(List.of(head, head));
    assertSame(order, heads.orders().key().getFirst());
    assertEquals(1, heads.orders().key().size());
    assertEquals(2, heads.layout().heads());
  }

  /** The layout with bands has exactly the pairs that the pattern's rule gives, query by query. */
  @TestFactory
  Stream<DynamicTest> sparseVideoGenIsExactWithBands() {
    List<DynamicTest> tests = new ArrayList<>();
    for (SvgPattern.Family family : SvgPattern.Family.values()) {
      for (double density : new double[] {0.05, 0.3, 0.6}) {
        for (int block : new int[] {16, 32, 100}) {
          tests.add(
              DynamicTest.dynamicTest(
                  family + " " + density + " " + block,
                  () -> {
                    int text = family == SvgPattern.Family.WAN ? 0 : 9;
                    TokenGrid grid = new TokenGrid(6, 9, 13, text);
                    SvgPattern pattern =
                        new SvgPattern(
                            family, SvgPattern.Kind.TEMPORAL, density, 5, block, block == 32);
                    exact(pattern, grid);
                  }));
        }
      }
    }
    return tests.stream();
  }

  private static void exact(SvgPattern pattern, TokenGrid grid) {
    BlockSparseLayout layout = pattern.exactLayout(grid).layout();
    assertEquals(pattern.exactDensity(grid), layout.density(), 1e-12);
    TokenBlocks blocks = layout.blocks(0);
    AttentionShape shape = new AttentionShape(1, grid.tokens(), 1, 0, 1, 1, 8);
    KeyRanges.of(shape, layout)
        .forEach(
            group -> {
              for (int q = 0; q < group.queryCount(); q++) {
                int query = group.firstQuery() + q;
                List<int[]> runs = pattern.visible(grid, query);
                KeyRanges own = group.forQuery(query);
                assertEquals(runs.size(), own.keyStarts().length, "query " + query);
                for (int run = 0; run < runs.size(); run++) {
                  assertEquals(runs.get(run)[0], own.keyStarts()[run], "query " + query);
                  assertEquals(
                      runs.get(run)[1] - runs.get(run)[0], own.keyCounts()[run], "query " + query);
                }
              }
            });
    assertEquals(grid.tokens(), blocks.tokens());
    assertTrue(layout.superset().density() >= layout.density());
    assertTrue(layout.superset().density() <= 1);
  }
}
