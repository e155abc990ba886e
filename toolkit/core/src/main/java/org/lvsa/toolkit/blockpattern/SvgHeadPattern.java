// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Optional;
import java.util.SplittableRandom;
import org.lvsa.kernels.TokenOrder;

/**
 * Sparse VideoGen as it runs (arXiv 2502.01776): some sampled queries decide whether a head is
 * spatial or temporal ({@link SvgHeadKinds}), and the head runs the band of its kind ({@link
 * SvgPattern}), exactly where a kernel masks within blocks and in whole blocks where it does not.
 *
 * @param family which published variant
 * @param density share of work that is asked for
 * @param block tokens per block
 * @param samples queries that decide; 64 as published
 * @param seed which queries they are
 */
public record SvgHeadPattern(
    SvgPattern.Family family, double density, int block, int samples, long seed)
    implements HeadPattern {

  /**
   * @throws IllegalArgumentException if a number is out of range
   */
  public SvgHeadPattern {
    Checks.share("density", density);
    Checks.atLeast("block", block, 1);
    Checks.atLeast("samples", samples, 1);
  }

  @Override
  public String name() {
    return "svg";
  }

  @Override
  public HeadSelection select(TokenGrid grid, HeadInputs inputs) {
    int[] sampled =
        new SplittableRandom(seed).ints(samples, 0, Math.min(grid.tokens(), 10_000)).toArray();
    SvgPattern.Kind kind = SvgHeadKinds.kind(SvgHeadKinds.errors(family, grid, inputs, sampled));
    SvgPattern pattern = new SvgPattern(family, kind, density, grid.text(), block, false);
    TokenOrder order = pattern.order(grid);
    return new HeadSelection(
        order, order, pattern.mask(grid), Optional.of(SvgBands.blocks(pattern, grid)));
  }
}
