// SPDX-License-Identifier: Apache-2.0
/**
 * The loop over a transformer's blocks as something that others may wrap: a step cache that skips
 * blocks, weights that are loaded block by block, a profile. A transformer hands its blocks over as
 * a {@link org.lvsa.toolkit.blocks.BlockSequence}, and a {@link
 * org.lvsa.toolkit.blocks.BlockRunner} runs them.
 */
package org.lvsa.toolkit.blocks;
