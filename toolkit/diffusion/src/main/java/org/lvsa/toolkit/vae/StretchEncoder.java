// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Volume;

/** From frames to the moments of latent frames, a stretch of video at a time. */
interface StretchEncoder extends AutoCloseable {
  /**
   * Encodes the next stretch.
   *
   * @param frames red, green and blue, of the run's workspace, which are given back
   * @return the moments of its latent frames, of the run's workspace, to give back
   */
  Volume encode(Run run, Volume frames);

  /** Number of layers that keep earlier frames. */
  int slots();

  @Override
  void close();
}
