// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerWeights;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The weights of a transformer in the host's memory, from which plans bring them to a device.
 *
 * @param residence which blocks' weights are on the device
 */
record PlanWeights<A extends TornadoNativeArray>(
    BlockWeights<A> blocks, EndWeights ends, Residence residence) {
  static <A extends TornadoNativeArray> PlanWeights<A> read(
      TransformerShape shape,
      TransformerWeights weights,
      Activations<A> activations,
      Residence residence) {
    return new PlanWeights<>(
        BlockWeights.read(shape, weights, activations), EndWeights.read(shape, weights), residence);
  }
}
