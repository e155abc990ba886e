// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

/**
 * The normal distribution of latents that a video is encoded to.
 *
 * @param size the latents' size
 * @param mean {@code [channels, frames, height, width]} row-major
 * @param logVariance logarithm of the variance, as mean, within −30 and 20
 */
public record Moments(LatentSize size, float[] mean, float[] logVariance) {}
