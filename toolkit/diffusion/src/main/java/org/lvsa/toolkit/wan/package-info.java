// SPDX-License-Identifier: Apache-2.0
/**
 * The transformer of Wan text-to-video models (Wan team 2025), whole: from noisy latents, a time
 * step and text embeddings to the predicted velocity. Self-attention is an interface, so that any
 * attention of the toolkit can be put in.
 */
package org.lvsa.toolkit.wan;
