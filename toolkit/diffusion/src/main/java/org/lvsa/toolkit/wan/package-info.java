// SPDX-License-Identifier: Apache-2.0
/**
 * The transformer of Wan video models (Wan team 2025), whole: from noisy latents, a time step, text
 * embeddings and tokens of pictures to the predicted velocity. Self-attention is an interface, so
 * that any attention of the toolkit can be put in.
 */
package org.lvsa.toolkit.wan;
