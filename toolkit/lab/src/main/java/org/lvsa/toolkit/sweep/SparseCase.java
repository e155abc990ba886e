// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.kernels.TokenOrders;
import org.lvsa.toolkit.blockpattern.BatchLayout;
import org.lvsa.toolkit.blockpattern.BlockMask;
import org.lvsa.toolkit.blockpattern.BlockPattern;
import org.lvsa.toolkit.blockpattern.DensitySolver;
import org.lvsa.toolkit.blockpattern.FilePattern;
import org.lvsa.toolkit.blockpattern.HeadInputs;
import org.lvsa.toolkit.blockpattern.HeadPattern;
import org.lvsa.toolkit.blockpattern.HeadSelection;
import org.lvsa.toolkit.blockpattern.LvsaPattern;
import org.lvsa.toolkit.blockpattern.OrderedLayout;
import org.lvsa.toolkit.blockpattern.PatternSpec;
import org.lvsa.toolkit.blockpattern.TokenGrid;
import org.lvsa.toolkit.pattern.Pattern;

/**
 * The sparse attention of one cell, ready to run.
 *
 * @param layout what a kernel is asked to run
 * @param selections the same as masks of blocks: one for everything, or one per query head,
 *     sequence after sequence
 * @param facts what the pattern came to
 */
record SparseCase(BatchLayout layout, List<HeadSelection> selections, PatternFacts facts) {
  /** LVSA at a sparsity scale. */
  static SparseCase of(Geometry geometry, Pattern pattern) {
    String parameters =
        "window="
            + pattern.settings().window()
            + ",first="
            + pattern.settings().firstFrames()
            + ",interval="
            + pattern.keyFrameInterval();
    return ofFrames(geometry, pattern, parameters);
  }

  /** Blocks are frames: the layout is one of frames, which every kernel has its best path for. */
  private static SparseCase ofFrames(Geometry geometry, Pattern pattern, String parameters) {
    int[] sizes = new int[geometry.latentFrames()];
    Arrays.fill(sizes, geometry.grid().patches());
    BlockMask mask =
        new BlockMask(sizes, sizes, pattern.layout().indptr(), pattern.layout().indices());
    TokenOrder order = TokenOrder.identity(geometry.shape().tokens());
    return new SparseCase(
        BatchLayout.of(new OrderedLayout(pattern.layout(), TokenOrders.of(order))),
        List.of(new HeadSelection(order, order, mask)),
        PatternFacts.of(pattern, parameters));
  }

  /**
   * A pattern of the laboratory, with its parameters solved if the cell asks for a density.
   *
   * @param heads query, key and value of each head, sequence after sequence, for patterns that look
   *     at them
   * @param kernel will run it; the density is that of what it computes
   * @throws IllegalArgumentException if the pattern does not take the video, or cannot reach the
   *     density
   */
  static SparseCase of(
      Geometry geometry, Cell cell, Supplier<List<HeadInputs>> heads, AttentionKernel kernel) {
    TokenGrid grid =
        new TokenGrid(
            geometry.latentFrames(), geometry.grid().rows(), geometry.grid().columns(), 0);
    int headsPerSequence = geometry.shape().heads();
    String parameters = "";
    BlockPattern pattern;
    List<HeadInputs> inputs = List.of();
    if (cell.pattern().startsWith("file:")) {
      pattern = PatternSpec.pattern(cell.pattern(), grid);
    } else {
      PatternSpec spec = PatternSpec.parse(cell.pattern());
      inputs = spec.kind().looksAtInputs() ? heads.get() : inputs;
      if (!Double.isNaN(cell.askedDensity())) {
        spec =
            DensitySolver.solve(
                    spec,
                    grid,
                    inputs,
                    cell.askedDensity(),
                    chosen -> BatchLayout.of(chosen, headsPerSequence).computed(kernel).density())
                .spec();
      }
      parameters = spec.parameters();
      pattern = spec.build(grid);
    }
    if (pattern instanceof LvsaPattern lvsa) {
      return ofFrames(geometry, lvsa.frames(grid), parameters);
    }
    long start = System.nanoTime();
    List<HeadSelection> selections = pattern.selections(grid, inputs);
    double millis = pattern instanceof HeadPattern ? (System.nanoTime() - start) / 1e6 : Double.NaN;
    BatchLayout layout = BatchLayout.of(selections, headsPerSequence);
    String shown = pattern instanceof FilePattern file ? file.file().toString() : parameters;
    int blockTokens =
        selections.stream()
            .mapToInt(one -> Arrays.stream(one.mask().keySizes()).max().orElseThrow())
            .max()
            .orElseThrow();
    return new SparseCase(
        layout,
        selections,
        PatternFacts.ofBlocks(layout.computed(kernel).density(), shown, blockTokens, millis));
  }

  /** The selection of a query head of a sequence. */
  HeadSelection selection(int sequence, int head) {
    int heads = selections.size() / layout.sequences().size();
    return selections.get(selections.size() == 1 ? 0 : sequence * heads + head);
  }
}
