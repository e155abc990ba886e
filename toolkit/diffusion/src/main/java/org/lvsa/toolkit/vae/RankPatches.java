// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.toolkit.vae.TiledDecode.Block;
import org.lvsa.toolkit.vae.TiledDecode.Window;

/**
 * How ranks decode frames in patches: one each, in rows and columns, so that frames of any size are
 * divided. A patch is decoded with a margin of its neighbours around it, which is cut off
 * afterwards, and the patches are put side by side. The result is near that of whole frames and not
 * the same: what a decoder's attention and norms would see beyond the margin is missing.
 *
 * @param margin latent pixels around a patch, at least; half of a patch's shorter side where that
 *     is more
 */
public record RankPatches(int margin) implements FrameCut {
  /** The published margin: an eighth of a tile of 256 pixels, 8 of which are a latent one. */
  public static final RankPatches DEFAULT = new RankPatches(4);

  /** Checks the margin. */
  public RankPatches {
    if (margin < 0) {
      throw new IllegalArgumentException("margin must be at least 0, got " + margin);
    }
  }

  /**
   * The patches of that many ranks, by rows: as square a grid as divides the ranks, with no more
   * rows or columns than the frames have. Ranks that are left over have none.
   */
  List<List<Block>> blocks(LatentSize size, int ranks) {
    int across = (int) Math.sqrt(ranks);
    while (ranks % across != 0) {
      across--;
    }
    int rows = Math.min(across, size.height());
    int columns = Math.min(ranks / across, size.width());
    List<List<Block>> blocks = new ArrayList<>();
    for (int row = 0; row < rows; row++) {
      List<Block> line = new ArrayList<>();
      for (int column = 0; column < columns; column++) {
        int top = row * size.height() / rows;
        int left = column * size.width() / columns;
        Window core =
            new Window(
                top,
                left,
                (row + 1) * size.height() / rows - top,
                (column + 1) * size.width() / columns - left);
        line.add(new Block(around(core, size), core));
      }
      blocks.add(line);
    }
    return blocks;
  }

  private Window around(Window core, LatentSize size) {
    int wide = Math.max(margin, Math.min(core.height(), core.width()) / 2);
    int top = Math.max(0, core.top() - wide);
    int left = Math.max(0, core.left() - wide);
    return new Window(
        top,
        left,
        Math.min(size.height(), core.top() + core.height() + wide) - top,
        Math.min(size.width(), core.left() + core.width() + wide) - left);
  }
}
