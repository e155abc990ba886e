// SPDX-License-Identifier: Apache-2.0
/**
 * Sparse attention patterns of video diffusion models, as published, at the level of blocks of
 * tokens: which blocks of keys each block of queries attends to.
 *
 * <p>A pattern is either static, a function of the video's size alone, or it looks at queries and
 * keys. Several of them reorder the tokens first, so that a block holds neighbours in space and
 * time; {@link org.lvsa.kernels.TokenOrder} is that order. Each class names the paper it follows.
 * Depends on {@code tensor} for the inputs of recorded cases.
 */
package org.lvsa.toolkit.blockpattern;
