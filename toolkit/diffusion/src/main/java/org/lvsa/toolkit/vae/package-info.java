// SPDX-License-Identifier: Apache-2.0
/**
 * Video autoencoders: from latents to frames and back, a stretch of video at a time.
 *
 * <p>Frames and features are {@link org.lvsa.toolkit.layers.Volume}s, with channels last. Latents
 * are {@code float[]} as schedulers and transformers have them, channels first.
 */
package org.lvsa.toolkit.vae;
