// SPDX-License-Identifier: Apache-2.0
/**
 * A diffusion transformer that runs on a device as a whole: its sizes, its weights, one forward
 * pass, and the interface that a backend implements. Weights are uploaded once; a forward pass
 * sends latents, the time step's vectors and the attention layout to the device and brings the
 * prediction back. Depends on {@code org.lvsa.kernels} alone.
 *
 * <p>A backend is found by {@link java.util.ServiceLoader}.
 */
@NullMarked
package org.lvsa.kernels.transformer;

import org.jspecify.annotations.NullMarked;
