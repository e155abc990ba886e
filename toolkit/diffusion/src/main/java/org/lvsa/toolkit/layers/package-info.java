// SPDX-License-Identifier: Apache-2.0
/**
 * Layers of neural networks in float32 on the CPU, on memory outside the heap: convolutions by
 * oneDNN, matrix products by OpenBLAS, everything else with the Vector API, on all processors.
 * Transformer layers take and give ND4J tensors that are row-major; who gets a tensor closes it,
 * since ND4J frees memory only when garbage is collected.
 */
package org.lvsa.toolkit.layers;
