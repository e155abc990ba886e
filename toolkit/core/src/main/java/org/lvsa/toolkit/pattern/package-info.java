// SPDX-License-Identifier: Apache-2.0
/**
 * The LVSA pattern engine: from settings in latent frames to the frames that every query frame
 * attends to. Immutable values built by pure functions; depends on {@code org.lvsa.kernels} only.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
@NullMarked
package org.lvsa.toolkit.pattern;

import org.jspecify.annotations.NullMarked;
