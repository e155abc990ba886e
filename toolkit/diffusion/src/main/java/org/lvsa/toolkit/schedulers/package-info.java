// SPDX-License-Identifier: Apache-2.0
/**
 * Schedulers: which noise levels a generation steps through, and how a sample goes from one level
 * to the next.
 *
 * <p>Most are for flow models: sigma is the share of noise in a sample, {@code x = (1 − sigma) · x0
 * + sigma · noise}, from 1 (noise alone) to 0 (a clean sample), and the model gives the velocity
 * {@code noise − x0}. CogVideoX's are for models that keep the variance, see {@link
 * org.lvsa.toolkit.schedulers.AlphaSchedule}. Samples are plain {@code float[]} in whatever layout
 * the pipeline has ({@code [1, channels, latent frames, height, width]} row-major for Wan): a
 * scheduler works on each element alone. {@link org.lvsa.toolkit.schedulers.SchedulerConfig} reads
 * the published settings and starts a scheduler; {@link org.lvsa.toolkit.schedulers.Noise} gives
 * the noise to begin with, {@link org.lvsa.toolkit.schedulers.StepNoise} that of the way.
 */
package org.lvsa.toolkit.schedulers;
