// SPDX-License-Identifier: Apache-2.0
/**
 * The attention problem (shape, block-sparse layout, memory), the interface that every backend
 * implements, and the float64 reference that every backend is compared with.
 *
 * <p>Depends on the JDK only. Everything else, the CPU and GPU kernels and the toolkit, depends on
 * this package; it knows none of them. Backends are found with {@link java.util.ServiceLoader}.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
@NullMarked
package org.lvsa.kernels;

import org.jspecify.annotations.NullMarked;
