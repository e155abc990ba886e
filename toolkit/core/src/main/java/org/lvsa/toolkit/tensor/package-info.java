// SPDX-License-Identifier: Apache-2.0
/**
 * Tensors at the toolkit's border: safetensors files, and the ND4J backend. ND4J types do not leave
 * this package; kernels see plain memory and shapes.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
@NullMarked
package org.lvsa.toolkit.tensor;

import org.jspecify.annotations.NullMarked;
