// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Volume;

/** From latent frames to frames, a stretch of video at a time. */
interface StretchDecoder extends AutoCloseable {
  /**
   * Decodes the next stretch.
   *
   * @param latents latent frames of the run's workspace, which are given back
   * @return frames of the run's workspace, to give back, as the last layer gives them
   */
  Volume decode(Run run, Volume latents);

  /** Number of layers that keep earlier frames. */
  int slots();

  @Override
  void close();
}
