// SPDX-License-Identifier: Apache-2.0
/**
 * The backend {@code vector}: fused block-sparse attention on the CPU, on all cores, with the JDK's
 * Vector API. Depends on {@code org.lvsa.kernels} and the JDK. On the class path the JVM needs
 * {@code --add-modules=jdk.incubator.vector}; without it the backend is unavailable and says so.
 *
 * <p>The vector width is the widest that the JVM has, which its flag {@code -XX:MaxVectorSize} can
 * narrow. The property {@code lvsa.vectorTile} (6x2, 3x3 or 8x2) is a switch for tests, which run
 * the suite with each register tile: it takes the place of the trial that chooses the tile where
 * there are 16 registers. Both are constants that the JIT compiler folds into the loops, and so are
 * read once, when the classes are loaded.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
@NullMarked
package org.lvsa.kernels.cpu;

import org.jspecify.annotations.NullMarked;
