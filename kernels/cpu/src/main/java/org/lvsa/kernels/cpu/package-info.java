// SPDX-License-Identifier: Apache-2.0
/**
 * The {@code vector} backend: fused block-sparse attention for the JVM with the Vector API, on all
 * cores. Depends on {@code org.lvsa.kernels} and the JDK; needs {@code
 * --add-modules=jdk.incubator.vector}, and says so when that is missing.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
@NullMarked
package org.lvsa.kernels.cpu;

import org.jspecify.annotations.NullMarked;
