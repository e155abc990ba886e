// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.kernels.decoder.DecoderShape;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * What a device is told with latent frames. Kernels read it as numbers: {@link #FIRST}, {@link
 * #EARLIER}, and from {@link #COUNTED} on how many frames count, for each number of doublings.
 *
 * @param first whether they begin a video
 * @param counted frames that count before frames are doubled, after they are doubled once, and so
 *     on
 */
record DecoderState(boolean first, List<Integer> counted) {
  /** Where 1 stands if the latent frames begin a video, else 0. */
  static final int FIRST = 0;

  /** Where the number of latent frames before these ones stands. */
  static final int EARLIER = 1;

  /** Where the number of frames that count begins. */
  static final int COUNTED = 2;

  /** Times that a decoder may double frames. */
  static final int MOST_DOUBLINGS = 6;

  /** The state of some latent frames of a decoder. */
  static DecoderState of(DecoderShape shape, boolean first, int latentFrames) {
    List<Integer> counted = new ArrayList<>();
    int frames = latentFrames;
    for (int doublings = 0; doublings <= MOST_DOUBLINGS; doublings++) {
      counted.add(frames);
      frames = shape.doubled(frames, first);
    }
    return new DecoderState(first, counted);
  }

  /** An array for it. */
  static IntArray array() {
    return new IntArray(COUNTED + MOST_DOUBLINGS + 1);
  }

  /**
   * Writes it down.
   *
   * @param earlier latent frames of the video before these ones
   */
  void write(int earlier, IntArray to) {
    to.set(FIRST, first ? 1 : 0);
    to.set(EARLIER, earlier);
    for (int i = 0; i < counted.size(); i++) {
      to.set(COUNTED + i, counted.get(i));
    }
  }
}
