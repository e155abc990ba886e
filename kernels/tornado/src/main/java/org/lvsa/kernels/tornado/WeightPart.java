// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * One tensor of several consecutive blocks, one block behind the other. Arrays of TornadoVM hold
 * less than 2³¹ elements, so that a large model needs several parts.
 *
 * @param array {@code [blocks, size]}
 * @param first the first block
 * @param blocks how many
 * @param size elements of a block's tensor
 */
record WeightPart<A extends TornadoNativeArray>(A array, int first, int blocks, int size) {}
