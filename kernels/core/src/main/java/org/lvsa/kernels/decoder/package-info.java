// SPDX-License-Identifier: Apache-2.0
/**
 * A video autoencoder's decoder that runs on a device as a whole: its sizes, its weights, some
 * latent frames at a time, and what a causal convolution keeps of earlier frames stays on the
 * device. A backend of transformers opens one. Depends on {@code org.lvsa.kernels} alone.
 */
@NullMarked
package org.lvsa.kernels.decoder;

import org.jspecify.annotations.NullMarked;
