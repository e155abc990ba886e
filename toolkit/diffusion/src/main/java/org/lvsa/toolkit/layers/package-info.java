// SPDX-License-Identifier: Apache-2.0
/** Layers of neural networks on memory outside the heap, computed by native libraries. */
package org.lvsa.toolkit.layers;
