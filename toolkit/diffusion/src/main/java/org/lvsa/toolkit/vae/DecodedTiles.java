// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

/** A video whose tiles are decoded and wait to be put together to frames. */
public interface DecodedTiles extends AutoCloseable {
  /**
   * Puts the tiles together, once.
   *
   * @param sink takes the frames in order
   */
  void join(FrameSink sink);

  /** Frees the tiles. */
  @Override
  default void close() {}

  /**
   * What a rank after the first has, whose tiles were sent to the first.
   *
   * @throws IllegalStateException if it is to be joined
   */
  static DecodedTiles sent() {
    return sink -> {
      throw new IllegalStateException("this rank's tiles were sent to the first one");
    };
  }
}
