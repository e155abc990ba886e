// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Arrays;
import org.lvsa.kernels.TokenOrder;

/**
 * DraftAttention (Shen et al., arXiv 2505.14708): attention between patches of frames, computed on
 * their mean vectors as a draft, says which of their pairs are kept; the threshold is one per head
 * over the whole map, so a row may keep nothing. Text sees and is seen by everything.
 *
 * @param height rows of a patch; divides the video's height
 * @param width columns of a patch; divides the video's width
 * @param sparsity share of the map that is left out, 0 to 1
 */
public record DraftPattern(int height, int width, double sparsity) implements HeadPattern {

  /**
   * @throws IllegalArgumentException if a number is out of range
   */
  public DraftPattern {
    Checks.atLeast("height", height, 1);
    Checks.atLeast("width", width, 1);
    Checks.share("sparsity", sparsity);
  }

  @Override
  public String name() {
    return "draft";
  }

  @Override
  public HeadSelection select(TokenGrid grid, HeadInputs inputs) {
    inputs.check(grid);
    Tile patch = new Tile(1, height, width);
    if (!patch.divides(grid)) {
      throw new IllegalArgumentException(
          "draft needs patches of "
              + height
              + "x"
              + width
              + " that divide the frame, got "
              + grid.height()
              + "x"
              + grid.width());
    }
    TokenOrder order = patch.order(grid);
    int[] video = patch.sizes(grid);
    double[][] scores =
        Pooled.scores(
            Pooled.means(inputs.query(), inputs.headDim(), order, video),
            Pooled.means(inputs.key(), inputs.headDim(), order, video),
            inputs.scale());
    double[][] draft = Arrays.stream(scores).map(Pooled::softmax).toArray(double[][]::new);
    double threshold = threshold(draft);
    int[] sizes = BlockMask.sizes(grid.tokens(), patch.volume());
    int whole = video.length;
    return HeadSelection.of(
        order,
        BlockMask.of(
            sizes,
            sizes,
            (row, column) -> row >= whole || column >= whole || draft[row][column] >= threshold));
  }

  private double threshold(double[][] draft) {
    double[] all = Arrays.stream(draft).flatMapToDouble(Arrays::stream).sorted().toArray();
    int excluded = (int) ((1.0 - (1 - sparsity)) * all.length);
    if (excluded >= all.length) {
      return Double.POSITIVE_INFINITY;
    }
    return excluded == 0 ? Double.NEGATIVE_INFINITY : all[excluded - 1];
  }
}
