// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What the transformer predicts a velocity for.
 *
 * @param latents {@code [batch, channels, frames, rows, columns]}, float32, row-major
 * @param timestep the scheduler's; 1000 is pure noise
 * @param next the time step that this one goes to, for a transformer that was trained to know it;
 *     empty not to tell it
 */
record Sample(INDArray latents, float timestep, Optional<Float> next) {
  /** Without the next time step. */
  Sample(INDArray latents, float timestep) {
    this(latents, timestep, Optional.empty());
  }
}
