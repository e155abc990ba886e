// SPDX-License-Identifier: Apache-2.0
/**
 * Attention as a diffusion transformer calls it: {@link
 * org.lvsa.toolkit.attention.DiffusionAttention} is chosen per role with no change in the calling
 * code, {@code SDPA} dense and {@code LVSA} sparse, with the published log lines and fallbacks. In
 * a model's block, {@link org.lvsa.toolkit.attention.AttentionProcessor} is what calls it or takes
 * its place. Depends on config, pattern, parallel, tensor, sweep's choice of a backend, and the
 * kernels.
 */
package org.lvsa.toolkit.attention;
