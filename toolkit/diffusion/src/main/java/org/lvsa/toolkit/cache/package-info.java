// SPDX-License-Identifier: Apache-2.0
/**
 * Step caches: denoising steps that follow one another are alike, so that some blocks of a
 * transformer need not run at every step. What a block list added to its streams at an earlier step
 * is added again. {@link org.lvsa.toolkit.cache.StepCache} wraps the loop over the blocks, and has
 * one context per list of blocks and branch of guidance; what decides (DBCache, TeaCache, MagCache,
 * FirstBlockCache) are classes without tensors. Pyramid attention broadcast reuses attentions
 * instead of blocks.
 */
package org.lvsa.toolkit.cache;
