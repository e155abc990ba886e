// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.toolkit.blockpattern.BlockMask;
import org.lvsa.toolkit.blockpattern.BlockPattern;
import org.lvsa.toolkit.blockpattern.DensitySolver;
import org.lvsa.toolkit.blockpattern.FilePattern;
import org.lvsa.toolkit.blockpattern.HeadInputs;
import org.lvsa.toolkit.blockpattern.HeadPattern;
import org.lvsa.toolkit.blockpattern.HeadSelection;
import org.lvsa.toolkit.blockpattern.LvsaPattern;
import org.lvsa.toolkit.blockpattern.PatternSpec;
import org.lvsa.toolkit.blockpattern.SelectedBlocks;
import org.lvsa.toolkit.blockpattern.TokenGrid;
import org.lvsa.toolkit.pattern.Pattern;

/**
 * The sparse attention of one cell, ready to run.
 *
 * @param layout which keys each query attends to, for tokens in the orders of {@code blocks}
 * @param blocks the same as masks of blocks, with the tokens' orders
 * @param facts what the pattern came to
 */
record SparseCase(BlockSparseLayout layout, SelectedBlocks blocks, PatternFacts facts) {

  /** LVSA at a sparsity scale. */
  static SparseCase of(Geometry geometry, Pattern pattern) {
    int[] sizes = new int[geometry.latentFrames()];
    Arrays.fill(sizes, geometry.grid().patches());
    BlockSparseLayout layout = pattern.layout();
    BlockMask mask = new BlockMask(sizes, sizes, layout.indptr(), layout.indices());
    TokenOrder order = TokenOrder.identity(geometry.shape().tokens());
    String parameters =
        "window="
            + pattern.settings().window()
            + ",first="
            + pattern.settings().firstFrames()
            + ",interval="
            + pattern.keyFrameInterval();
    return new SparseCase(
        layout,
        new SelectedBlocks(List.of(new HeadSelection(order, order, mask))),
        PatternFacts.of(pattern, parameters));
  }

  /**
   * A pattern of the laboratory, with its parameters solved if the cell asks for a density.
   *
   * @param heads query, key and value of each head, for patterns that look at them
   * @throws IllegalArgumentException if the pattern does not take the video, or cannot reach the
   *     density
   */
  static SparseCase of(Geometry geometry, Cell cell, Supplier<List<HeadInputs>> heads) {
    TokenGrid grid =
        new TokenGrid(
            geometry.latentFrames(), geometry.grid().rows(), geometry.grid().columns(), 0);
    String parameters = "";
    BlockPattern pattern;
    List<HeadInputs> inputs = List.of();
    if (cell.pattern().startsWith("file:")) {
      pattern = PatternSpec.pattern(cell.pattern(), grid);
    } else {
      PatternSpec spec = PatternSpec.parse(cell.pattern());
      inputs = spec.kind().looksAtInputs() ? heads.get() : inputs;
      if (!Double.isNaN(cell.askedDensity())) {
        spec = DensitySolver.solve(spec, grid, inputs, cell.askedDensity()).spec();
      }
      parameters = spec.parameters();
      pattern = spec.build(grid);
    }
    long start = System.nanoTime();
    SelectedBlocks blocks = new SelectedBlocks(pattern.selections(grid, inputs));
    double millis = pattern instanceof HeadPattern ? (System.nanoTime() - start) / 1e6 : Double.NaN;
    if (pattern instanceof LvsaPattern lvsa) {
      Pattern frames = lvsa.frames(grid);
      return new SparseCase(frames.layout(), blocks, PatternFacts.of(frames, parameters));
    }
    String shown = pattern instanceof FilePattern file ? file.file().toString() : parameters;
    int blockTokens =
        blocks.selections().stream()
            .mapToInt(one -> Arrays.stream(one.mask().keySizes()).max().orElseThrow())
            .max()
            .orElseThrow();
    return new SparseCase(
        blocks.layout(),
        blocks,
        PatternFacts.ofBlocks(
            BlockPattern.density(blocks.selections()), shown, blockTokens, millis));
  }
}
