// SPDX-License-Identifier: Apache-2.0
/**
 * Attention over the tokens of a video: the sizes of a problem, the layout that says which frames
 * or blocks of tokens attend to which, the interfaces that every backend implements, and the
 * float64 reference that every backend is compared with.
 *
 * <p>How it is used: choose an {@link org.lvsa.kernels.AttentionBackend}, open it to get an {@link
 * org.lvsa.kernels.AttentionKernel}, prepare {@link org.lvsa.kernels.AttentionInputs}, and run what
 * was prepared with a {@link org.lvsa.kernels.BlockSparseLayout}. What kernels do with NaN and
 * infinities is said in {@link org.lvsa.kernels.AttentionKernel}.
 *
 * <p>Depends on the JDK only. The CPU and GPU kernels and the toolkit depend on this package, and
 * it knows none of them. Backends are found with {@link java.util.ServiceLoader}.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
@NullMarked
package org.lvsa.kernels;

import org.jspecify.annotations.NullMarked;
