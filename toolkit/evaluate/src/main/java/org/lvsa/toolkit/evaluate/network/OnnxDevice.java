// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.network;

/** Where ONNX Runtime computes. */
public enum OnnxDevice {
  /** The processor. */
  CPU,
  /** The first NVIDIA graphics card; needs ONNX Runtime's jar for it. */
  CUDA
}
