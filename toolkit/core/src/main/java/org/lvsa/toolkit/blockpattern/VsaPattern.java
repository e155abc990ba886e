// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Arrays;
import java.util.BitSet;
import org.lvsa.kernels.TokenOrder;

/**
 * Video Sparse Attention (Zhang et al., arXiv 2505.13389), its choice of blocks: each cube of
 * queries attends to the cubes of keys whose mean vectors have the largest products with its own.
 * The published method is trained, and adds the coarse attention over cubes through a learned gate;
 * without training the chosen blocks stand alone.
 *
 * @param cube tokens of a cube; 4 x 4 x 4 as published
 * @param sparsity share of cubes that is left out, 0 to 1
 */
public record VsaPattern(Tile cube, double sparsity) implements HeadPattern {

  /**
   * @throws IllegalArgumentException if sparsity is not within 0 and 1
   */
  public VsaPattern {
    Checks.share("sparsity", sparsity);
  }

  @Override
  public String name() {
    return "vsa";
  }

  @Override
  public HeadSelection select(TokenGrid grid, HeadInputs inputs) {
    inputs.check(grid);
    if (grid.text() > 0) {
      throw new IllegalArgumentException("vsa takes no text tokens, got " + grid.text());
    }
    TokenOrder order = cube.order(grid);
    int[] sizes = cube.sizes(grid);
    int cubes = sizes.length;
    int kept = Math.max(1, Math.min((int) Math.ceil((1 - sparsity) * cubes), cubes));
    double[][] scores =
        Pooled.scores(
            Pooled.means(inputs.query(), inputs.headDim(), order, sizes),
            Pooled.means(inputs.key(), inputs.headDim(), order, sizes),
            inputs.scale());
    BitSet[] rows =
        Arrays.stream(scores)
            .map(row -> Pooled.first(Pooled.descending(row), kept))
            .toArray(BitSet[]::new);
    return HeadSelection.of(order, Pooled.mask(sizes, sizes, rows));
  }
}
