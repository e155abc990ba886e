// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.MemorySegment;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a time step is to a model before its learned layers: cosines, then sines, of the time step
 * times falling frequencies. In float32, as the published models: with a time step near 1000
 * another precision gives other last digits.
 */
public final class TimeSinusoid {
  private TimeSinusoid() {}

  /**
   * The cosines and sines of time steps.
   *
   * @param features an even number
   * @return {@code [timesteps, features]}, a new tensor
   */
  public static INDArray of(float[] timesteps, int features) {
    float[] angles = new float[timesteps.length * features];
    int half = features / 2;
    for (int step = 0; step < timesteps.length; step++) {
      int at = step * features;
      for (int i = 0; i < half; i++) {
        float exponent = (float) -Math.log(10000) * i / half;
        float angle = timesteps[step] * (float) Math.exp(exponent);
        angles[at + i] = (float) Math.cos(angle);
        angles[at + half + i] = (float) Math.sin(angle);
      }
    }
    return NdMemory.copy(MemorySegment.ofArray(angles), timesteps.length, features);
  }
}
