// SPDX-License-Identifier: Apache-2.0
/**
 * The {@code tornado} backend: attention kernels in Java that TornadoVM compiles for a GPU, or for
 * any other of its devices, at run time. Depends on {@code org.lvsa.kernels} and on the API of the
 * TornadoVM SDK that it runs on; is in the build only where there is one.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
@NullMarked
package org.lvsa.kernels.tornado;

import org.jspecify.annotations.NullMarked;
