// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The attention of a block as tasks, with the layout in arrays that the device reads. */
interface DeviceAttention<A> {
  /**
   * What it is for.
   *
   * @param self of the video's tokens, and of the text's where they attend together
   * @param textTokens keys of the cross-attention to the text; 0 without
   * @param pictureTokens keys of the cross-attention to pictures; 0 without
   */
  record Sizes(AttentionShape self, int textTokens, int pictureTokens) {
    static Sizes of(TransformerShape shape, TransformerVideo video) {
      TransformerVideo.Told told = video.told();
      AttentionShape self = video.selfAttention(shape);
      return shape.blocks().joint()
          ? new Sizes(self, 0, 0)
          : new Sizes(self, told.textTokens(), told.pictureTokens());
    }
  }

  /** What a cross-attention looks at. */
  enum Cross {
    TEXT,
    PICTURES
  }

  /** The kernel, for result rows. */
  String kernel();

  /** Whether the tasks can compute a layout; if not, another plan can. */
  boolean holds(BlockSparseLayout layout);

  /**
   * Writes a layout into the arrays of {@link #layout}.
   *
   * @param textTokens how many tokens of the text attend together with the video's: at most those
   *     that the self-attention has room for
   */
  void fill(BlockSparseLayout layout, int textTokens);

  /** The arrays with the layout, which a forward pass sends once. */
  List<IntArray> layout();

  /** Arrays that never change. */
  List<IntArray> constants();

  /** An array for values of self-attention, which may need room behind the last one. */
  A values();

  /** As {@link #values()}, of a cross-attention. */
  A values(Cross what);

  /**
   * Adds self-attention.
   *
   * @param spare may be written to
   * @return the array with the result
   */
  A self(GraphTasks tasks, A query, A key, A value, A spare);

  /**
   * Adds cross-attention.
   *
   * @param to receives the result
   */
  void cross(GraphTasks tasks, Cross what, A query, A key, A value, A to);

  /** A float32 array of the size of the queries that nobody needs between two blocks. */
  FloatArray scratch();
}
