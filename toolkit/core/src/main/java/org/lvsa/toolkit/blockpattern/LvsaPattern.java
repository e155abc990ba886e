// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Arrays;
import java.util.OptionalInt;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;

/**
 * LVSA (arXiv 2605.31057): every frame attends to the frames around it and to global frames, the
 * first ones and periodic keyframes. Blocks are whole frames; text is one block more, which sees
 * and is seen by everything.
 *
 * @param window frames on either side
 * @param firstFrames first frames, which every query sees
 * @param interval distance of the periodic keyframes
 */
public record LvsaPattern(int window, int firstFrames, int interval) implements StaticPattern {

  /**
   * @throws IllegalArgumentException if a number is out of range
   */
  public LvsaPattern {
    Checks.atLeast("window", window, 0);
    Checks.atLeast("first", firstFrames, 0);
    Checks.atLeast("interval", interval, 1);
  }

  @Override
  public String name() {
    return "lvsa";
  }

  /** The frames that each frame attends to. */
  public Pattern frames(TokenGrid grid) {
    return Pattern.build(
        PatternSettings.of(
                grid.frames(),
                grid.frameTokens(),
                window,
                firstFrames,
                Math.max(1, grid.frames()),
                1.0)
            .withKeyFrameInterval(OptionalInt.of(interval)));
  }

  @Override
  public BlockMask mask(TokenGrid grid) {
    Pattern frames = frames(grid);
    int text = grid.text() > 0 ? 1 : 0;
    int[] sizes = new int[grid.frames() + text];
    Arrays.fill(sizes, grid.frameTokens());
    if (text > 0) {
      sizes[grid.frames()] = grid.text();
    }
    return BlockMask.of(
        sizes,
        sizes,
        (query, key) ->
            query == grid.frames() || key == grid.frames() || frames.mark(query, key) != '.');
  }
}
