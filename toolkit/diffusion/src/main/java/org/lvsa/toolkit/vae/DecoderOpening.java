// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.DecoderWeights;
import org.lvsa.kernels.decoder.DeviceDecoder;

/** Opens a decoder on a device. */
@FunctionalInterface
public interface DecoderOpening {
  /** Reads the weights into memory that the device is uploaded from. */
  DeviceDecoder open(DecoderShape shape, DecoderWeights weights);
}
