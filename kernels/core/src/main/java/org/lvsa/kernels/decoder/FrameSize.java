// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.decoder;

/**
 * The size of latent frames, or of the tiles that are cut out of them.
 *
 * @param rows of a latent frame
 * @param columns of a latent frame
 */
public record FrameSize(int rows, int columns) {}
